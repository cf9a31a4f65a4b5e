package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"sluice/internal/blob"
	"sluice/internal/bulk"
	"sluice/internal/config"
	"sluice/internal/event"
	"sluice/internal/postgres"
	"sluice/internal/sqlite"
)

// store is everything the roles need of a store.
type store interface {
	bulk.ApplyStore
	bulk.AggregateStore
	bulk.FinishStore
	bulk.IntakeStore
	bulk.ReadStore
	bulk.JobStore
	bulk.SplitStore
	bulk.JournalStore
	bulk.AnalyticsStore
	bulk.SettingStore
	Close() error
}

// openStore opens SQLite in the data folder, or PostgreSQL.
func openStore(ctx context.Context, cfg config.Config, codec *event.Codec, log *slog.Logger) (store, error) {
	if !cfg.EmbedsDatabase() {
		s, err := postgres.Open(ctx, postgres.Options{URL: cfg.Database, Codec: codec, Logger: log})
		if err != nil {
			return nil, fmt.Errorf("opening PostgreSQL: %w", err)
		}
		return s, nil
	}
	s, err := sqlite.Open(ctx, sqlite.Options{
		Path: filepath.Join(cfg.Data, "sluice.db"), Codec: codec, Now: time.Now, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	// The data folder is locked for this process: a lease in it has no holder.
	if err := s.FreeLeases(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database: %w", err), s.Close())
	}
	return s, nil
}

// openSigner reads the key that signs file addresses, which all processes share.
func openSigner(ctx context.Context, cfg config.Config, s bulk.SettingStore) (*bulk.FileSigner, error) {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	key, err := s.Setting(ctx, "file-signing-key", fresh)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	return &bulk.FileSigner{Key: key, PublicURL: cfg.PublicURL, Life: fileLife}, nil
}

// openFiles opens the file store and sweeps what a killed process left half written.
func openFiles(ctx context.Context, cfg config.Config, c *closers) (*files, error) {
	url, err := cfg.FilesURL()
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	s, err := blob.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("opening the file store: %w", err)
	}
	c.add(s.Close)
	if _, err := s.Clean(ctx, ""); err != nil {
		return nil, fmt.Errorf("sweeping the file store: %w", err)
	}
	return &files{s}, nil
}

// files gives the file store the domain's errors and types.
type files struct{ *blob.Store }

func (f *files) Create(ctx context.Context, name string) (bulk.FileWriter, error) {
	w, err := f.Store.Create(ctx, name)
	if err != nil {
		return nil, domainError(err)
	}
	return fileWriter{w}, nil
}

func (f *files) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	r, err := f.Store.Open(ctx, name, offset)
	return r, domainError(err)
}

func (f *files) Size(ctx context.Context, name string) (int64, error) {
	n, err := f.Store.Size(ctx, name)
	return n, domainError(err)
}

type fileWriter struct{ w *blob.Writer }

func (f fileWriter) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	return n, domainError(err)
}

func (f fileWriter) Commit() error { return domainError(f.w.Commit()) }

func (f fileWriter) Abort() error {
	f.w.Abort()
	return nil
}

func domainError(err error) error {
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return fmt.Errorf("%w: %w", bulk.ErrNotFound, err)
	case errors.Is(err, blob.ErrNoSpace):
		return fmt.Errorf("%w: %w", bulk.ErrNoSpace, err)
	}
	return err
}

// dataLock is the lock on the data folder and the temporary folder in it.
type dataLock struct {
	file    *os.File
	tempDir string
}

// lockData takes the data folder for this process. The lock is the kernel's: it
// ends with the process, however that ends.
func lockData(cfg config.Config) (*dataLock, error) {
	if !cfg.NeedsData() {
		return &dataLock{tempDir: os.TempDir()}, nil
	}
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return nil, fmt.Errorf("creating the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(cfg.Data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the data folder's lock: %w", err)
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("the data folder %s is in use by another sluice process: stop it, or choose another folder with --data", cfg.Data), f.Close())
	}
	l := &dataLock{file: f, tempDir: filepath.Join(cfg.Data, "tmp")}
	// What a killed process left here belongs to nobody now.
	if err := os.RemoveAll(l.tempDir); err != nil {
		return nil, errors.Join(fmt.Errorf("sweeping temporary files: %w", err), f.Close())
	}
	if err := os.MkdirAll(l.tempDir, 0o750); err != nil {
		return nil, errors.Join(fmt.Errorf("creating the temporary folder: %w", err), f.Close())
	}
	return l, nil
}

func (l *dataLock) release() {
	if l.file != nil {
		_ = l.file.Close() // closing unlocks
	}
}
