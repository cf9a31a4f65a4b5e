package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// nextFence returns a number greater than every fence before.
func nextFence(c *sqlite.Conn) (fence int64, err error) {
	_, err = query(c, `UPDATE fence SET last = last + 1 RETURNING last`, func(st *sqlite.Stmt) error {
		fence = st.ColumnInt64(0)
		return nil
	})
	return fence, err
}

// addJob makes a job unless there is one.
func addJob(c *sqlite.Conn, kind bulk.JobKind, uploadID string) error {
	_, err := change(c, `INSERT INTO job (kind, upload, fence, total) SELECT ?1, id, 0, total FROM upload WHERE id = ?2
		ON CONFLICT DO NOTHING`, string(kind), uploadID)
	if err != nil {
		return fmt.Errorf("make a job: %w", err)
	}
	return nil
}

// resetJob makes a job begin anew, also one that was done or is held.
func resetJob(c *sqlite.Conn, kind bulk.JobKind, uploadID string) error {
	fence, err := nextFence(c)
	if err != nil {
		return fmt.Errorf("reset a job: %w", err)
	}
	_, err = change(c, `INSERT INTO job (kind, upload, fence, total) SELECT ?1, id, ?3, total FROM upload WHERE id = ?2
		ON CONFLICT DO UPDATE SET fence = ?3, owner = '', lease_until = 0, state = x''`, string(kind), uploadID, fence)
	if err != nil {
		return fmt.Errorf("reset a job: %w", err)
	}
	return nil
}

// findFreeJob reads into j.Upload and j.State; false when none is free.
func (s *Store) findFreeJob(c *sqlite.Conn, j *bulk.Job) (bool, error) {
	n, err := query(c, `SELECT upload, state FROM job WHERE kind = ? AND lease_until <= ?
		ORDER BY served_at, total, upload LIMIT 1`,
		func(st *sqlite.Stmt) error {
			j.Upload, j.State = st.ColumnText(0), blob(st, 1)
			return nil
		}, string(j.Kind), s.millis())
	return n > 0, err
}

// ClaimJob is bulk.JobStore.ClaimJob.
func (s *Store) ClaimJob(ctx context.Context, kind bulk.JobKind, owner string, ttl time.Duration) (*bulk.Job, error) {
	j := &bulk.Job{Kind: kind}
	claim := func(c *sqlite.Conn) error {
		isFree, err := s.findFreeJob(c, j)
		if err != nil {
			return err
		}
		if !isFree {
			return bulk.ErrNotFound
		}
		return nil
	}
	// Looked for on a reading connection first: idle roles ask all the time.
	err := s.read(ctx, claim)
	if err == nil {
		err = s.write(ctx, func(c *sqlite.Conn) error {
			if err := claim(c); err != nil {
				return err
			}
			var err error
			if j.Fence, err = nextFence(c); err != nil {
				return err
			}
			// Turns are told apart even within a millisecond.
			_, err = change(c, `UPDATE job SET fence = ?3, owner = ?4, lease_until = ?5,
				served_at = max(?6, (SELECT max(served_at) + 1 FROM job WHERE kind = ?1))
				WHERE kind = ?1 AND upload = ?2`,
				string(kind), j.Upload, j.Fence, owner, s.millis()+ttl.Milliseconds(), s.millis())
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("claim a %s job: %w", kind, err)
	}
	return j, nil
}

// RenewJob is bulk.JobStore.RenewJob.
func (s *Store) RenewJob(ctx context.Context, j *bulk.Job, ttl time.Duration) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		return fenced(c, "renew", j, `UPDATE job SET lease_until = ?4 WHERE kind = ?1 AND upload = ?2 AND fence = ?3`,
			s.millis()+ttl.Milliseconds())
	})
}

// CheckpointJob is bulk.JobStore.CheckpointJob.
func (s *Store) CheckpointJob(ctx context.Context, j *bulk.Job) error {
	var step crash.Step
	if j.Kind == bulk.JobSplit {
		step = crash.SplitCheckpoint
	}
	return s.writeAt(ctx, step, func(c *sqlite.Conn) error {
		return fenced(c, "checkpoint", j, `UPDATE job SET state = ?4 WHERE kind = ?1 AND upload = ?2 AND fence = ?3`, j.State)
	})
}

// ReleaseJob is bulk.JobStore.ReleaseJob.
func (s *Store) ReleaseJob(ctx context.Context, j *bulk.Job) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		return fenced(c, "release", j, `UPDATE job SET owner = '', lease_until = 0,
			served_at = max(?4, (SELECT max(served_at) + 1 FROM job WHERE kind = ?1))
			WHERE kind = ?1 AND upload = ?2 AND fence = ?3`, s.millis())
	})
}

// CompleteJob is bulk.JobStore.CompleteJob.
func (s *Store) CompleteJob(ctx context.Context, j *bulk.Job) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		err := fenced(c, "complete", j, `DELETE FROM job WHERE kind = ?1 AND upload = ?2 AND fence = ?3`)
		if !errors.Is(err, bulk.ErrFenced) {
			return err
		}
		n, readErr := query(c, `SELECT 1 FROM job WHERE kind = ? AND upload = ?`, nil, string(j.Kind), j.Upload)
		if readErr != nil {
			return fmt.Errorf("complete a job: %w", readErr)
		}
		if n == 0 {
			return nil // it is done
		}
		return err
	})
}

// fenced changes the one job that still has j's fence; ErrFenced if there is none.
func fenced(c *sqlite.Conn, verb string, j *bulk.Job, text string, args ...any) error {
	n, err := change(c, text, append([]any{string(j.Kind), j.Upload, j.Fence}, args...)...)
	if err != nil {
		return fmt.Errorf("%s a %s job: %w", verb, j.Kind, err)
	}
	if n == 0 {
		return fmt.Errorf("%s the %s job of upload %s: %w", verb, j.Kind, j.Upload, bulk.ErrFenced)
	}
	return nil
}

// FreeLeases takes every lease away, as whoever opens the file alone may do: the
// processes that held them are gone.
func (s *Store) FreeLeases(ctx context.Context) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		if _, err := change(c, `UPDATE job SET owner = '', lease_until = 0 WHERE owner <> ''`); err != nil {
			return fmt.Errorf("free leases: %w", err)
		}
		return nil
	})
}
