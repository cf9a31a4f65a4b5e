package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// Setting is bulk.SettingStore.Setting.
func (s *Store) Setting(ctx context.Context, name string, initial []byte) (value []byte, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		if _, err := change(c, `INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, name, initial); err != nil {
			return err
		}
		_, err := query(c, `SELECT value FROM setting WHERE name = ?`, func(st *sqlite.Stmt) error {
			value = blob(st, 0)
			return nil
		}, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("setting %s: %w", name, err)
	}
	return value, nil
}
