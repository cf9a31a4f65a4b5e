package clickhouse

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const migrateTimeout = 30 * time.Second

// Migrate brings the tables to the newest version. Safe to repeat, also by
// several processes at once; once it went well it costs nothing.
func (s *Store) Migrate(ctx context.Context) error {
	if s.isMigrated.Load() {
		return nil
	}
	select {
	case s.migrating <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.migrating }()
	if s.isMigrated.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	db := clickhouse.OpenDB(s.options)
	err := migrateDB(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("migrating ClickHouse: %w", err)
	}
	s.isMigrated.Store(true)
	return nil
}

func migrateDB(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectClickHouse, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	_, err = provider.Up(ctx)
	return err
}

// Codes of ClickHouse's exceptions.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
)

// noteMissing makes the next insert migrate again when the tables have gone: the
// server was set up anew.
func (s *Store) noteMissing(err error) {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) && (exception.Code == codeUnknownTable || exception.Code == codeUnknownDatabase) {
		s.isMigrated.Store(false)
	}
}
