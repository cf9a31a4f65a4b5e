package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
)

// BeginSplit is bulk.SplitStore.BeginSplit. An upload past accepted stays where
// it is.
func (s *Store) BeginSplit(ctx context.Context, uploadID string, partitions int32) (u *bulk.Upload, err error) {
	err = s.write(ctx, "", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE upload SET partitions = CASE partitions WHEN 0 THEN $2 ELSE partitions END, state = 'running'
			WHERE id = $1 AND state = 'accepted'`, uploadID, partitions)
		if err != nil {
			return fmt.Errorf("begin a split: %w", err)
		}
		u, err = oneUpload(ctx, tx, uploadID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// RowsCounted is bulk.SplitStore.RowsCounted.
func (s *Store) RowsCounted(ctx context.Context, uploadID string) (rows int64, err error) {
	err = s.general.QueryRow(ctx, `SELECT applied + unchanged + failed + unprocessed FROM tally WHERE upload = $1`, uploadID).Scan(&rows)
	if errors.Is(err, pgx.ErrNoRows) {
		err = bulk.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("count rows: %w", wrap(err))
	}
	return rows, nil
}
