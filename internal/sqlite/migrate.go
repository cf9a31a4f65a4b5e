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
	"zombiezen.com/go/sqlite"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// filePragmas are kept in the file. The page size counts only before the first
// write: small pages, since a batch touches customers all over the file.
const filePragmas = `PRAGMA busy_timeout=10000;PRAGMA page_size=2048;PRAGMA journal_mode=WAL`

// migrate makes the file at path if there is none and brings it to the newest
// schema. Safe to repeat.
func migrate(ctx context.Context, path string) error {
	c, err := openConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate, filePragmas)
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	options := url.Values{"_pragma": {"busy_timeout(10000)", "synchronous(FULL)"}}
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
