package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// tempName matches what fileblob calls a file being written: the final name, the
// time in hexadecimal nanoseconds, ".tmp".
var tempName = regexp.MustCompile(`\.[0-9a-f]{10,20}\.tmp$`)

var errCleaned = errors.New("temporary file was cleaned away")

// Clean removes what killed processes left half written under prefix ("" for
// everything) and returns how many files that were. It is meant for start-up and
// does not disturb writers of this or another live process: their files are
// locked, and the kernel frees a dead process's locks. A bucket needs none of
// it; let its lifecycle rule abort incomplete multipart uploads.
func (s *Store) Clean(ctx context.Context, prefix string) (int, error) {
	if err := checkPrefix(prefix); err != nil {
		return 0, err
	}
	if s.root == "" {
		return 0, nil
	}
	removed := 0
	err := filepath.WalkDir(s.root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() || !tempName.MatchString(name) || !strings.HasPrefix(filepath.ToSlash(name), prefix) {
			return ctx.Err()
		}
		isRemoved, err := removeUnowned(path)
		if isRemoved {
			removed++
		}
		return err
	})
	if err != nil {
		return removed, fmt.Errorf("clean %s: %w", prefix, err)
	}
	return removed, nil
}

// removeUnowned removes path unless a live process holds its lock.
func removeUnowned(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // opened for its lock only
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", filepath.Base(path), err)
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// claim locks a new temporary file against Clean for as long as it is open. It
// fails with errCleaned if Clean was quicker.
func claim(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock temporary file: %w", err)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return fmt.Errorf("stat temporary file: %w", err)
	}
	if stat.Nlink == 0 {
		return errCleaned
	}
	return nil
}

// mkdirDurable is os.MkdirAll whose new folders outlive a power cut: the parent
// of each is synced.
func mkdirDurable(path string, sync func(string) error) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() { //nolint:gosec // checkName lets no name out of the root
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := mkdirDurable(parent, sync); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as above
		return err
	}
	return sync(parent)
}

// pruneFolders removes folder and its parents below the root while they are
// empty, and syncs the lowest that stays.
func (s *Store) pruneFolders(folder string) error {
	for folder != s.root {
		err := os.Remove(folder)
		if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
			break
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove empty folder: %w", err)
		}
		folder = filepath.Dir(folder)
	}
	err := s.syncDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // pruned by another Delete, which syncs its parent
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // a folder of the store, or a parent of its root
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
