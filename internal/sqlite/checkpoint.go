package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
)

const (
	// checkpointFrames is the length of the WAL, in pages, from which it is
	// written back: about 80 MiB.
	checkpointFrames = 40_000
	// restShare is the share of that which may be left to write back while the
	// writer waits.
	restShare = 10
	// checkpointPasses bounds the passes beside a writer that writes as fast as
	// they do.
	checkpointPasses = 3
)

// runCheckpoints writes the WAL back beside the writer until ctx ends. The
// writer begins the WAL anew only when all of it was written back, so the last
// and shortest pass is made while nobody writes.
func (s *Store) runCheckpoints(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wrote:
		}
		if err := s.checkpointOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot checkpoint the store, it is tried again", "err", err)
		}
	}
}

func (s *Store) checkpointOnce(ctx context.Context) error {
	frames, err := walFrames(s.checkpoint, "NOOP")
	if err != nil || frames < s.walFrames {
		return err
	}
	for range checkpointPasses {
		if _, err = walFrames(s.checkpoint, "PASSIVE"); err != nil {
			return err
		}
		// A pass knows only of what was there when it began.
		if frames, err = walFrames(s.checkpoint, "NOOP"); err != nil || frames < s.walFrames/restShare {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.giveTurn()
	_, err = walFrames(s.checkpoint, "PASSIVE")
	return err
}

// walFrames runs a checkpoint of the given mode and returns how many pages of
// the WAL are left to write back, as far as it saw; NOOP only looks.
func walFrames(c *sqlite.Conn, mode string) (left int, err error) {
	_, err = query(c, `PRAGMA wal_checkpoint(`+mode+`)`, func(st *sqlite.Stmt) error {
		left = st.ColumnInt(1) - st.ColumnInt(2)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	return left, nil
}
