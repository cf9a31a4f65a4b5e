package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
)

// AnalyticsBlock is bulk.AnalyticsStore.AnalyticsBlock.
func (s *Store) AnalyticsBlock(ctx context.Context, source bulk.Source) (from, to int64, done, ok bool, err error) {
	err = s.general.QueryRow(ctx, `SELECT from_offset, to_offset, done FROM analytics_block
		WHERE cluster = $1 AND topic = $2 AND partition = $3`, source.Cluster, source.Topic, source.Partition).Scan(&from, &to, &done)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, 0, false, false, nil
	case err != nil:
		return 0, 0, false, false, fmt.Errorf("read an analytics block: %w", wrap(err))
	}
	return from, to, done, true, nil
}

// RecordBlock is bulk.AnalyticsStore.RecordBlock.
func (s *Store) RecordBlock(ctx context.Context, source bulk.Source, from, to int64) error {
	return s.write(ctx, "", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO analytics_block (cluster, topic, partition, from_offset, to_offset, done)
			VALUES ($1, $2, $3, $4, $5, false)
			ON CONFLICT (cluster, topic, partition) DO UPDATE SET from_offset = $4, to_offset = $5, done = false`,
			source.Cluster, source.Topic, source.Partition, from, to)
		if err != nil {
			return fmt.Errorf("record an analytics block: %w", err)
		}
		return nil
	})
}

// ConfirmBlock is bulk.AnalyticsStore.ConfirmBlock; ErrMoved when another block
// was recorded meanwhile.
func (s *Store) ConfirmBlock(ctx context.Context, source bulk.Source, from, to int64) error {
	return s.write(ctx, "", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE analytics_block SET done = true
			WHERE cluster = $1 AND topic = $2 AND partition = $3 AND from_offset = $4 AND to_offset = $5`,
			source.Cluster, source.Topic, source.Partition, from, to)
		if err != nil {
			return fmt.Errorf("confirm an analytics block: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("confirm offsets %d to %d: %w", from, to, bulk.ErrMoved)
		}
		return nil
	})
}
