package bulktest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sluice/internal/event"
	"sluice/internal/sqlite"
)

// memoryDir is a folder in memory where there is one: tests do not wait for a disk.
const memoryDir = "/dev/shm"

// TempDir is t.TempDir in memory where that can be had.
func TempDir(t testing.TB) string {
	t.Helper()
	if info, err := os.Stat(memoryDir); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memoryDir, "sluice-test-*") //nolint:usetesting // t.TempDir is on disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the test's folder: %v", err)
		}
	})
	return dir
}

// Codec is the codec of the embedded registry's schema ids.
func Codec() *event.Codec { return event.NewCodec(event.DefaultIDs()) }

// NoLog is a logger that drops everything.
func NoLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// template makes an empty database once: copying it is several times faster
// than making tables.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sluice-template-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	path := filepath.Join(dir, "template.db")
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Codec: Codec(), Now: time.Now, Logger: NoLog()})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil { // the last connection empties the WAL into the file
		return nil, err
	}
	return os.ReadFile(path)
})

// PrepareDatabase makes the template of every database, which OpenDatabase does
// otherwise. Call it outside of a synctest bubble.
func PrepareDatabase(t testing.TB) {
	t.Helper()
	if _, err := template(); err != nil {
		t.Fatalf("making the template database: %v", err)
	}
}

// NewDatabase writes an empty database into dir and returns its path.
func NewDatabase(t testing.TB, dir string) string {
	t.Helper()
	content, err := template()
	if err != nil {
		t.Fatalf("making the template database: %v", err)
	}
	path := filepath.Join(dir, "sluice.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatalf("writing a database: %v", err)
	}
	return path
}

// OpenDatabase opens the store in the database at path. Whoever calls it closes it.
func OpenDatabase(t testing.TB, path string, now func() time.Time) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Options{Path: path, Codec: Codec(), Now: now, Logger: NoLog()})
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	return s
}

// NewStore opens a new and empty store that is closed when the test ends.
func NewStore(t testing.TB, now func() time.Time) *sqlite.Store {
	t.Helper()
	s := OpenDatabase(t, NewDatabase(t, TempDir(t)), now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}
