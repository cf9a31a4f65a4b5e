package testenv

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/testenv/server"
)

// startTimeout is generous: several servers may start at once on two cores.
const startTimeout = 2 * time.Minute

// StartKafka starts a cluster of the test's own (1 node: 4 s, 3: 6 s and more)
// and stops it when the test ends.
func StartKafka(t testing.TB, nodes int) *server.Kafka {
	t.Helper()
	return started(t, "kafka", func(ctx context.Context, dir string) (*server.Kafka, error) {
		return server.StartKafka(ctx, dir, server.KafkaOptions{Nodes: nodes})
	})
}

// StartPostgres starts a server of the test's own with fsync on (2 s) and
// stops it when the test ends.
func StartPostgres(t testing.TB) *server.Postgres {
	t.Helper()
	return started(t, "postgres", func(ctx context.Context, dir string) (*server.Postgres, error) {
		return server.StartPostgres(ctx, dir, server.PostgresOptions{Durable: true})
	})
}

// StartClickHouse starts an engine of the test's own (1 s) and stops it when
// the test ends.
func StartClickHouse(t testing.TB) *server.ClickHouse {
	t.Helper()
	return started(t, "clickhouse", server.StartClickHouse)
}

// stopper is what the servers have in common here.
type stopper interface {
	Stop() error
	LogTail() string
}

// started runs start in a folder of its own; not t.TempDir, which PostgreSQL's
// user may not enter.
func started[S stopper](t testing.TB, name string, start func(ctx context.Context, dir string) (S, error)) S {
	t.Helper()
	dir, err := server.NewRunDir()
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := dir.Remove(); err != nil {
			t.Errorf("%v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := start(ctx, filepath.Join(dir.Path, name))
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of %s ends with:\n%s", name, s.LogTail())
		}
		if err := s.Stop(); err != nil {
			t.Errorf("stopping %s: %v", name, err)
		}
	})
	return s
}
