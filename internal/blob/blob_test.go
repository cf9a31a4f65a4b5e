package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/blob"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stores runs a test against every kind of store.
func stores(t *testing.T, test func(t *testing.T, s *blob.Store)) {
	t.Helper()
	t.Run("folder", func(t *testing.T) { test(t, openFolder(t, t.TempDir())) })
	t.Run("bucket", func(t *testing.T) { test(t, openFakeBucket(t, "/some/prefix")) })
}

func openFolder(t *testing.T, dir string) *blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), (&url.URL{Scheme: "file", Path: dir}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *blob.Store, name, content string) {
	t.Helper()
	w, err := s.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if w.Size() != int64(len(content)) {
		t.Errorf("writer says %d bytes, want %d", w.Size(), len(content))
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s *blob.Store, name string, offset int64) string {
	t.Helper()
	r, err := s.Open(t.Context(), name, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestObjectAppearsOnlyAtCommit(t *testing.T) {
	stores(t, func(t *testing.T, s *blob.Store) {
		w, err := s.Create(t.Context(), "uploads/u1/spool")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("x"), 300_000)); err != nil {
			t.Fatal(err)
		}
		if ok, err := s.Exists(t.Context(), "uploads/u1/spool"); ok || err != nil {
			t.Fatalf("before commit: exists %v, %v", ok, err)
		}
		if objects, err := s.List(t.Context(), ""); len(objects) != 0 || err != nil {
			t.Fatalf("before commit: list %v, %v", objects, err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Size(t.Context(), "uploads/u1/spool"); n != 300_000 || err != nil {
			t.Fatalf("after commit: size %d, %v", n, err)
		}
		if err := w.Commit(); err == nil {
			t.Error("a second commit succeeded")
		}
		if _, err := w.Write([]byte("y")); err == nil {
			t.Error("a write after commit succeeded")
		}
	})
}

func TestAbortLeavesNothing(t *testing.T) {
	ends := map[string]func(ctx context.Context, cancel context.CancelFunc, w *blob.Writer){
		"abort":                     func(_ context.Context, _ context.CancelFunc, w *blob.Writer) { w.Abort() },
		"commit_of_a_cancelled_one": func(_ context.Context, cancel context.CancelFunc, w *blob.Writer) { cancel(); _ = w.Commit() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			stores(t, func(t *testing.T, s *blob.Store) {
				put(t, s, "a/old", "old")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w, err := s.Create(ctx, "a/old")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(make([]byte, 100_000)); err != nil {
					t.Fatal(err)
				}
				end(ctx, cancel, w)
				w.Abort() // harmless
				if got := read(t, s, "a/old", 0); got != "old" {
					t.Errorf("the older object now has %d bytes", len(got))
				}
			})
		})
	}
}

func TestFolderHoldsNoSideFiles(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir)
	put(t, s, "a/kept", "kept")
	w, err := s.Create(t.Context(), "a/dropped")
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if got := filesIn(t, dir); len(got) != 1 || got[0] != "a/kept" {
		t.Errorf("folder holds %q", got)
	}
}

func TestOpenReadsFromOffset(t *testing.T) {
	stores(t, func(t *testing.T, s *blob.Store) {
		put(t, s, "f.csv", "0123456789")
		for offset, want := range map[int64]string{0: "0123456789", 7: "789", 10: "", 99: ""} {
			if got := read(t, s, "f.csv", offset); got != want {
				t.Errorf("from %d: %q, want %q", offset, got, want)
			}
		}
		if _, err := s.Open(t.Context(), "f.csv", -1); err == nil {
			t.Error("a negative offset was accepted")
		}
	})
}

func TestAbsentObject(t *testing.T) {
	stores(t, func(t *testing.T, s *blob.Store) {
		if _, err := s.Open(t.Context(), "no/such", 0); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("open: %v", err)
		}
		if _, err := s.Open(t.Context(), "no/such", 5); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("open at offset: %v", err)
		}
		if _, err := s.Size(t.Context(), "no/such"); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("size: %v", err)
		}
		if ok, err := s.Exists(t.Context(), "no/such"); ok || err != nil {
			t.Errorf("exists: %v, %v", ok, err)
		}
		if err := s.Delete(t.Context(), "no/such"); err != nil {
			t.Errorf("delete: %v", err)
		}
	})
}

func TestDeleteRemovesObjectAndEmptyFolders(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir)
	put(t, s, "uploads/u1/spool", "x")
	put(t, s, "uploads/u2/spool", "x")
	for range 2 {
		if err := s.Delete(t.Context(), "uploads/u1/spool"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "uploads/u1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty folder stayed: %v", err)
	}
	if got := read(t, s, "uploads/u2/spool", 0); got != "x" {
		t.Errorf("neighbour reads %q", got)
	}
}

func TestListIsOrderedAndByPrefix(t *testing.T) {
	stores(t, func(t *testing.T, s *blob.Store) {
		for _, name := range []string{"b/2", "a/1", "a/3", "ab"} {
			put(t, s, name, name)
		}
		for prefix, want := range map[string]string{"": "a/1 a/3 ab b/2", "a": "a/1 a/3 ab", "a/": "a/1 a/3", "z/": ""} {
			objects, err := s.List(t.Context(), prefix)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, o := range objects {
				names = append(names, o.Name)
				if o.Size != int64(len(o.Name)) || o.Modified.IsZero() {
					t.Errorf("object %+v", o)
				}
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("prefix %q: %q, want %q", prefix, got, want)
			}
		}
	})
}

func TestUnsafeNamesAreRefused(t *testing.T) {
	s := openFolder(t, t.TempDir())
	for _, name := range []string{
		"", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a/.b", "a b", "a\\b", "a\x00", "ä", "a.tmp", "a.attrs", strings.Repeat("a", 201),
	} {
		if _, err := s.Create(t.Context(), name); !errors.Is(err, blob.ErrName) {
			t.Errorf("create %q: %v", name, err)
		}
		if _, err := s.Open(t.Context(), name, 0); !errors.Is(err, blob.ErrName) {
			t.Errorf("open %q: %v", name, err)
		}
		if err := s.Delete(t.Context(), name); !errors.Is(err, blob.ErrName) {
			t.Errorf("delete %q: %v", name, err)
		}
	}
	if _, err := s.List(t.Context(), "../"); !errors.Is(err, blob.ErrName) {
		t.Errorf("list: %v", err)
	}
}

func TestBadURLsAreRefused(t *testing.T) {
	for _, bad := range []string{"", "data/files", "file://elsewhere/x", "file:relative", "gs://bucket", "http://h/x", "://"} {
		if _, err := blob.Open(t.Context(), bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestCleanRemovesOnlyWhatDeadProcessesLeft(t *testing.T) {
	dir := t.TempDir()
	s := openFolder(t, dir)
	put(t, s, "uploads/u1/spool", "kept")
	left := filepath.Join(dir, "uploads/u1/spool.18a1b2c3d4e5f607.tmp")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	live, err := s.Create(t.Context(), "uploads/u2/spool")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Abort()
	if n, err := s.Clean(t.Context(), "other/"); n != 0 || err != nil {
		t.Fatalf("other prefix: removed %d, %v", n, err)
	}
	other := openFolder(t, dir) // as another process would
	if n, err := other.Clean(t.Context(), "uploads/"); n != 1 || err != nil {
		t.Fatalf("removed %d, %v; want 1", n, err)
	}
	if err := live.Commit(); err != nil {
		t.Errorf("the live writer was disturbed: %v", err)
	}
	if got := strings.Join(filesIn(t, dir), " "); got != "uploads/u1/spool uploads/u2/spool" {
		t.Errorf("folder holds %q", got)
	}
}

func TestWritersAndDeletersOfOneFolderDoNotDisturbEachOther(t *testing.T) {
	s := openFolder(t, t.TempDir())
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 25 {
				name := fmt.Sprintf("shared/%d-%d", worker, i)
				w, err := s.Create(t.Context(), name)
				if err != nil {
					t.Error(err)
					return
				}
				if err := w.Commit(); err != nil {
					t.Error(err)
				}
				if err := s.Delete(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestPing(t *testing.T) {
	stores(t, func(t *testing.T, s *blob.Store) {
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, relErr := filepath.Rel(dir, path)
			names = append(names, name)
			return relErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
