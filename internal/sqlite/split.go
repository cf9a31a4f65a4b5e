package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
)

// BeginSplit is bulk.SplitStore.BeginSplit. An upload past running stays where
// it is.
func (s *Store) BeginSplit(ctx context.Context, uploadID string, partitions int32) (u *bulk.Upload, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		_, err := change(c, `UPDATE upload SET partitions = iif(partitions = 0, ?2, partitions), state = 'running'
			WHERE id = ?1 AND state = 'accepted'`, uploadID, partitions)
		if err != nil {
			return fmt.Errorf("begin a split: %w", err)
		}
		u, err = s.oneUpload(c, uploadID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// RowsCounted is bulk.SplitStore.RowsCounted.
func (s *Store) RowsCounted(ctx context.Context, uploadID string) (rows int64, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		n, err := query(c, `SELECT applied + unchanged + failed + unprocessed FROM tally WHERE upload = ?`,
			func(st *sqlite.Stmt) error {
				rows = st.ColumnInt64(0)
				return nil
			}, uploadID)
		if err == nil && n == 0 {
			return bulk.ErrNotFound
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	return rows, nil
}
