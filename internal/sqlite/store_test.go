package sqlite_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/sqlite"
	"sluice/internal/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(t testing.TB) sqlite.Options {
	t.Helper()
	return sqlite.Options{
		Path:   filepath.Join(t.TempDir(), "sluice 100%?.db"),
		Codec:  storetest.Codec{},
		Now:    time.Now,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, options(t)) })
}

func TestStoreWithMappedFile(t *testing.T) {
	o := options(t)
	o.MappedBytes = 1 << 26
	s := open(t, o)
	for version := int64(1); version <= 3; version++ {
		noError(t, put(t.Context(), s, version, 1, 2, 3))
		check(t, s, version, 1, 2, 3)
	}
}
