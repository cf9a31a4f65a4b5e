package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
)

// sourceRow is a row of progress.
type sourceRow struct {
	isThere bool
	bulk.Progress
}

const selectSource = `SELECT next_offset, seq, published FROM progress WHERE cluster = $1 AND topic = $2 AND partition = $3`

func scanSource(row pgx.Row) (r sourceRow, err error) {
	err = row.Scan(&r.Next, &r.Seq, &r.Published)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return sourceRow{}, nil
	case err != nil:
		return sourceRow{}, fmt.Errorf("read progress: %w", wrap(err))
	}
	r.isThere = true
	return r, nil
}

// beginsAt is ErrMoved when the source stands elsewhere. One that was never read
// begins where the batch does.
func (r *sourceRow) beginsAt(from int64) error {
	if r.isThere && r.Next != from {
		return fmt.Errorf("batch begins at offset %d, progress stands at %d: %w", from, r.Next, bulk.ErrMoved)
	}
	return nil
}

// move is the compare-and-swap of progress from what was read, r, to another.
func (r *sourceRow) move(s bulk.Source, to bulk.Progress) statement {
	if !r.isThere {
		return expecting(1, stateMoved, `INSERT INTO progress (cluster, topic, partition, next_offset, seq, published)
			VALUES ($3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			s.Cluster, s.Topic, s.Partition, to.Next, to.Seq, to.Published)
	}
	return expecting(1, stateMoved, `UPDATE progress SET next_offset = $6, seq = $7, published = greatest(published, $8)
		WHERE cluster = $3 AND topic = $4 AND partition = $5 AND next_offset = $9 AND seq = $10`,
		s.Cluster, s.Topic, s.Partition, to.Next, to.Seq, to.Published, r.Next, r.Seq)
}

// Progress is bulk.ProgressStore.Progress.
func (s *Store) Progress(ctx context.Context, source bulk.Source) (p bulk.Progress, ok bool, err error) {
	r, err := scanSource(s.general.QueryRow(ctx, selectSource, source.Cluster, source.Topic, source.Partition))
	return r.Progress, r.isThere, err
}

// Restart is bulk.ProgressStore.Restart.
func (s *Store) Restart(ctx context.Context, source bulk.Source, from, to int64) error {
	text, args := `UPDATE progress SET next_offset = $4 WHERE cluster = $1 AND topic = $2 AND partition = $3 AND next_offset = $5`,
		[]any{source.Cluster, source.Topic, source.Partition, to, from}
	if from == -1 {
		text, args = `INSERT INTO progress (cluster, topic, partition, next_offset) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, args[:4]
	}
	return s.write(ctx, "", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, text, args...)
		if err != nil {
			return fmt.Errorf("restart: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("restart from offset %d: %w", from, bulk.ErrMoved)
		}
		if _, err := tx.Exec(ctx, resendUnfinished); err != nil {
			return fmt.Errorf("flag for resend: %w", err)
		}
		return nil
	})
}
