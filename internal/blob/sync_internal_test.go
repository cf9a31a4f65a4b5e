package blob

// Internal: a failing fsync and a full disk can only be had by putting them in
// place of the real calls.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func openForFaults(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestFailedSyncLeavesNoObjectAndIsNotTriedAgain(t *testing.T) {
	tests := map[string]func(s *Store, calls *int){
		"of_the_file": func(s *Store, calls *int) {
			s.syncFile = func(*os.File) error { *calls++; return syscall.EIO }
		},
		"of_the_folder_after_the_rename": func(s *Store, calls *int) {
			s.syncDir = func(string) error { *calls++; return syscall.EIO }
		},
	}
	for name, breakSync := range tests {
		t.Run(name, func(t *testing.T) {
			s := openForFaults(t)
			w, err := s.Create(t.Context(), "a/b")
			if err != nil {
				t.Fatal(err)
			}
			calls := 0
			breakSync(s, &calls)
			if err := w.Commit(); !errors.Is(err, syscall.EIO) {
				t.Errorf("commit: %v", err)
			}
			_ = w.Commit()
			w.Abort()
			if calls != 1 {
				t.Errorf("synced %d times, want 1", calls)
			}
			left, err := os.ReadDir(filepath.Join(s.root, "a"))
			if err != nil || len(left) != 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

func TestFullDiskIsRecognised(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		s := openForFaults(t)
		w, err := s.Create(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		s.syncFile = func(f *os.File) error { return &fs.PathError{Op: "sync", Path: f.Name(), Err: errno} }
		if err := w.Commit(); !errors.Is(err, ErrNoSpace) || !errors.Is(err, errno) {
			t.Errorf("%v: commit: %v", errno, err)
		}
	}
}

func TestFullDiskIsRecognisedThroughTheDriver(t *testing.T) {
	s := openForFaults(t)
	// The kernel's own full device in the place of the temporary file.
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = full.Close() }()
	w, err := s.Create(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := syscall.Dup3(int(full.Fd()), int(w.file.Fd()), syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); !errors.Is(err, ErrNoSpace) {
		t.Errorf("write: %v", err)
	}
}

func TestObjectIsSyncedBeforeItsNameAppears(t *testing.T) {
	s := openForFaults(t)
	w, err := s.Create(t.Context(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	s.syncFile = func(f *os.File) error {
		if _, err := os.Stat(filepath.Join(s.root, "a/b")); errors.Is(err, fs.ErrNotExist) {
			order = append(order, "file before rename")
		}
		return f.Sync()
	}
	s.syncDir = func(dir string) error {
		if _, err := os.Stat(filepath.Join(s.root, "a/b")); err == nil {
			order = append(order, "folder after rename")
		}
		return syncDir(dir)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if len(order) != 2 || order[0] != "file before rename" || order[1] != "folder after rename" {
		t.Errorf("order %q", order)
	}
}
