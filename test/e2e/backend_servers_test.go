//go:build servers

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/testenv"
	"sluice/internal/testenv/server"
)

// servers hold a Kafka of this package alone: topics and consumer groups have
// fixed names, and other packages' tests use the shared cluster meanwhile.
type servers struct {
	kafka *server.Kafka
}

func (s *servers) start() (stop func() error, err error) {
	dir, err := server.NewRunDir()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if s.kafka, err = server.StartKafka(ctx, filepath.Join(dir.Path, "kafka"), server.KafkaOptions{Nodes: 1}); err != nil {
		return nil, errors.Join(fmt.Errorf("starting Kafka: %w", err), dir.Remove())
	}
	return func() error { return errors.Join(s.kafka.Stop(), dir.Remove()) }, nil
}

// backends gives each test a database of its own. The rows of other databases'
// uploads are on the topics too: they belong to no upload the server knows.
func (s *servers) backends() []backend {
	brokers := strings.Join(s.kafka.Brokers(), ",")
	return []backend{{name: "servers", kafka: brokers, flags: func(t *testing.T, dir string) []string {
		return []string{
			"--kafka", brokers, "--database", testenv.Postgres(t),
			"--files", "file://" + filepath.Join(dir, "data", "files"), "--partitions", "4",
		}
	}}}
}
