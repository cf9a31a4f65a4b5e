package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// ClaimJob is bulk.JobStore.ClaimJob. Claimers pass over jobs that others are
// just taking.
func (s *Store) ClaimJob(ctx context.Context, kind bulk.JobKind, owner string, ttl time.Duration) (*bulk.Job, error) {
	j := &bulk.Job{Kind: kind}
	err := s.write(ctx, "", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `WITH free AS (
				SELECT upload FROM job WHERE kind = $1 AND lease_until <= now()
				ORDER BY turn, total, upload LIMIT 1 FOR UPDATE SKIP LOCKED
			)
			UPDATE job j SET fence = nextval('job_number'), turn = nextval('job_number'), owner = $2,
				lease_until = now() + make_interval(secs => $3)
			FROM free WHERE j.kind = $1 AND j.upload = free.upload
			RETURNING j.upload, j.fence, j.state`, string(kind), owner, ttl.Seconds()).Scan(&j.Upload, &j.Fence, &j.State)
		if errors.Is(err, pgx.ErrNoRows) {
			return bulk.ErrNotFound
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim a %s job: %w", kind, err)
	}
	return j, nil
}

// RenewJob is bulk.JobStore.RenewJob.
func (s *Store) RenewJob(ctx context.Context, j *bulk.Job, ttl time.Duration) error {
	return s.write(ctx, "", func(tx pgx.Tx) error {
		return fenced(ctx, tx, "renew", j, `UPDATE job SET lease_until = now() + make_interval(secs => $4)
			WHERE kind = $1 AND upload = $2 AND fence = $3`, ttl.Seconds())
	})
}

// CheckpointJob is bulk.JobStore.CheckpointJob.
func (s *Store) CheckpointJob(ctx context.Context, j *bulk.Job) error {
	var step crash.Step
	if j.Kind == bulk.JobSplit {
		step = crash.SplitCheckpoint
	}
	state := j.State
	if state == nil {
		state = []byte{}
	}
	return s.write(ctx, step, func(tx pgx.Tx) error {
		return fenced(ctx, tx, "checkpoint", j, `UPDATE job SET state = $4 WHERE kind = $1 AND upload = $2 AND fence = $3`, state)
	})
}

// ReleaseJob is bulk.JobStore.ReleaseJob.
func (s *Store) ReleaseJob(ctx context.Context, j *bulk.Job) error {
	return s.write(ctx, "", func(tx pgx.Tx) error {
		return fenced(ctx, tx, "release", j, `UPDATE job SET owner = '', lease_until = '-infinity', turn = nextval('job_number')
			WHERE kind = $1 AND upload = $2 AND fence = $3`)
	})
}

// CompleteJob is bulk.JobStore.CompleteJob.
func (s *Store) CompleteJob(ctx context.Context, j *bulk.Job) error {
	return s.write(ctx, "", func(tx pgx.Tx) error {
		err := fenced(ctx, tx, "complete", j, `DELETE FROM job WHERE kind = $1 AND upload = $2 AND fence = $3`)
		if !errors.Is(err, bulk.ErrFenced) {
			return err
		}
		var isThere bool
		readErr := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND upload = $2)`, string(j.Kind), j.Upload).Scan(&isThere)
		if readErr != nil {
			return fmt.Errorf("complete a job: %w", readErr)
		}
		if !isThere {
			return nil // it is done
		}
		return err
	})
}

// fenced changes the one job that still has j's fence; ErrFenced if there is none.
func fenced(ctx context.Context, tx pgx.Tx, verb string, j *bulk.Job, text string, args ...any) error {
	tag, err := tx.Exec(ctx, text, append([]any{string(j.Kind), j.Upload, j.Fence}, args...)...)
	if err != nil {
		return fmt.Errorf("%s a %s job: %w", verb, j.Kind, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("%s the %s job of upload %s: %w", verb, j.Kind, j.Upload, bulk.ErrFenced)
	}
	return nil
}
