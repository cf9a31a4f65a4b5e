package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// parallelSyncs lets the file system take several files into one journal commit.
const parallelSyncs = 8

// changedSync syncs the files and folders under a directory that changed since
// its last call, and nothing else: one call for the whole file system would
// also wait for an upload being spooled beside the log. Not safe for concurrent
// use.
type changedSync struct {
	dir    string
	synced map[string]stamp
}

// stamp tells two states of a file apart; log files only grow between syncs.
type stamp struct {
	size    int64
	changed time.Time
}

func newChangedSync(dir string) *changedSync {
	return &changedSync{dir: dir, synced: make(map[string]stamp)}
}

// sync returns once all that was written before the call is on stable storage.
func (c *changedSync) sync() error {
	changed, now, err := c.changed()
	if err != nil {
		return fmt.Errorf("look for changed files: %w", err)
	}
	var g errgroup.Group
	g.SetLimit(parallelSyncs)
	for _, path := range changed {
		g.Go(func() error { return ignoreGone(syncPath(path)) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("sync changed files: %w", err)
	}
	c.synced = now
	return nil
}

// changed lists what differs from the last sync, and the stamps to remember
// once it is synced. A stamp is taken before the sync, so that what is written
// in between has another one.
func (c *changedSync) changed() (paths []string, now map[string]stamp, err error) {
	now = make(map[string]stamp, len(c.synced))
	added := make(map[string]bool)
	add := func(path string) {
		if !added[path] {
			added[path] = true
			paths = append(paths, path)
		}
	}
	err = filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		// An index only repeats what the log beside it says; losing it costs nothing.
		if strings.HasSuffix(path, ".idx") {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		now[path] = stamp{size: info.Size(), changed: info.ModTime()}
		before, seen := c.synced[path]
		if before == now[path] {
			return nil
		}
		add(path)
		// A new or renamed file lasts only with its folder, whose time may be too
		// coarse to show it.
		if !entry.IsDir() && (!seen || !strings.HasSuffix(path, ".dat")) {
			add(filepath.Dir(path))
		}
		return nil
	})
	return paths, now, err
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(syncFile(f), f.Close())
}

// ignoreGone drops the error of a file that was deleted meanwhile.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
