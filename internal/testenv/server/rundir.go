package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	runPrefix = "sluice-servers-"
	newPrefix = "sluice-new-"
	lockName  = "owner.lock"
)

// RunDir is a temporary folder for the data of servers. Its lock is the
// kernel's: when the owner is killed the lock goes with it, and the next
// NewRunDir on the machine removes the folder.
type RunDir struct {
	Path string
	lock *os.File
}

// NewRunDir makes a folder under os.TempDir that other users may enter
// (PostgreSQL runs as one) and removes those whose owners are dead.
func NewRunDir() (*RunDir, error) {
	sweep()
	path, err := os.MkdirTemp("", newPrefix)
	if err != nil {
		return nil, fmt.Errorf("making the servers' folder: %w", err)
	}
	d := &RunDir{Path: path}
	if err := d.claim(); err != nil {
		_ = os.RemoveAll(path) // the first error is the one to report
		return nil, fmt.Errorf("making the servers' folder: %w", err)
	}
	return d, nil
}

// claim takes the lock before the folder gets the name that sweep looks for,
// so that no other process can take the folder for an abandoned one.
func (d *RunDir) claim() error {
	lock, err := lockFile(filepath.Join(d.Path, lockName))
	if err != nil {
		return err
	}
	d.lock = lock
	if err := os.Chmod(d.Path, 0o755); err != nil { //nolint:gosec // another user's server must reach its own folder in it
		return err
	}
	final := filepath.Join(filepath.Dir(d.Path), runPrefix+strings.TrimPrefix(filepath.Base(d.Path), newPrefix))
	if err := os.Rename(d.Path, final); err != nil {
		return err
	}
	d.Path = final
	return nil
}

// Remove deletes the folder. The servers in it must have been stopped.
func (d *RunDir) Remove() error {
	err := os.RemoveAll(d.Path)
	_ = d.lock.Close() // only released, never written
	if err != nil {
		return fmt.Errorf("removing the servers' folder: %w", err)
	}
	return nil
}

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // not ours
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

// sweep removes what killed owners left behind. A folder it may not open
// belongs to somebody else and stays.
func sweep() {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), runPrefix+"*"))
	if err != nil {
		return // only a malformed pattern
	}
	for _, dir := range left {
		lock, err := lockFile(filepath.Join(dir, lockName))
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir) // what cannot be removed is tried again next time
		_ = lock.Close()
	}
}
