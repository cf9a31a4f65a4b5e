package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
)

// AnalyticsBlock is bulk.AnalyticsStore.AnalyticsBlock.
func (s *Store) AnalyticsBlock(ctx context.Context, source bulk.Source) (from, to int64, done, ok bool, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		_, err := query(c, `SELECT from_offset, to_offset, done FROM analytics_block
			WHERE cluster = ? AND topic = ? AND partition = ?`,
			func(st *sqlite.Stmt) error {
				from, to, done, ok = st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt(2) != 0, true
				return nil
			}, source.Cluster, source.Topic, source.Partition)
		return err
	})
	if err != nil {
		return 0, 0, false, false, fmt.Errorf("read an analytics block: %w", err)
	}
	return from, to, done, ok, nil
}

// RecordBlock is bulk.AnalyticsStore.RecordBlock.
func (s *Store) RecordBlock(ctx context.Context, source bulk.Source, from, to int64) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		_, err := change(c, `INSERT INTO analytics_block (cluster, topic, partition, from_offset, to_offset, done)
			VALUES (?1, ?2, ?3, ?4, ?5, 0)
			ON CONFLICT DO UPDATE SET from_offset = ?4, to_offset = ?5, done = 0`,
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
	return s.write(ctx, func(c *sqlite.Conn) error {
		n, err := change(c, `UPDATE analytics_block SET done = 1
			WHERE cluster = ? AND topic = ? AND partition = ? AND from_offset = ? AND to_offset = ?`,
			source.Cluster, source.Topic, source.Partition, from, to)
		if err != nil {
			return fmt.Errorf("confirm an analytics block: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("confirm offsets %d to %d: %w", from, to, bulk.ErrMoved)
		}
		return nil
	})
}
