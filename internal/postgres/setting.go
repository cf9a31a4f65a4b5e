package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Setting is bulk.SettingStore.Setting.
func (s *Store) Setting(ctx context.Context, name string, initial []byte) (value []byte, err error) {
	err = s.write(ctx, "", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, initial); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT value FROM setting WHERE name = $1`, name).Scan(&value)
	})
	if err != nil {
		return nil, fmt.Errorf("setting %s: %w", name, err)
	}
	return value, nil
}
