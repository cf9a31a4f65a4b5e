//go:build servers

package postgres_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/postgres"
	"sluice/internal/storetest"
	"sluice/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), o)
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

func options(t testing.TB) postgres.Options {
	t.Helper()
	return postgres.Options{URL: testenv.Postgres(t), Codec: storetest.Codec{}, Logger: slog.New(slog.DiscardHandler)}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, options(t)) })
}
