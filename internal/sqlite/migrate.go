package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the database/sql driver of the same engine
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// pageSize is in bytes. It counts only before the first table is made: small
// pages, since a batch touches customers all over the file.
const pageSize = 2048

// migrate brings the file at path to the newest schema. Safe to repeat.
func migrate(ctx context.Context, path string) error {
	options := url.Values{"_pragma": {
		fmt.Sprintf("page_size(%d)", pageSize),
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"busy_timeout(10000)",
	}}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return fmt.Errorf("open for migration: %w", err)
	}
	db.SetMaxOpenConns(1)
	err = migrateDB(ctx, db)
	if closeErr := db.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close after migration: %w", closeErr)
	}
	return err
}

func migrateDB(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
