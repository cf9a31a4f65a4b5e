//go:build servers

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/testenv"
	realserver "sluice/internal/testenv/server"
)

// servers hold a Kafka of this package alone: topics and consumer groups have
// fixed names, and other packages' tests use the shared cluster meanwhile.
type servers struct {
	kafka *realserver.Kafka
}

func (s *servers) start() (stop func() error, err error) {
	dir, err := realserver.NewRunDir()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if s.kafka, err = realserver.StartKafka(ctx, filepath.Join(dir.Path, "kafka"), realserver.KafkaOptions{Nodes: 1}); err != nil {
		return nil, errors.Join(fmt.Errorf("starting Kafka: %w", err), dir.Remove())
	}
	return func() error { return errors.Join(s.kafka.Stop(), dir.Remove()) }, nil
}

// backends gives each test databases of its own and topics that are empty.
func (s *servers) backends() []backend {
	brokers := strings.Join(s.kafka.Brokers(), ",")
	return []backend{{name: "servers", kafka: brokers, flags: func(t *testing.T, dir string) []string {
		deleteTopics(t, brokers)
		return []string{
			"--kafka", brokers, "--database", testenv.Postgres(t), "--analytics", clickHouse(t),
			"--files", "file://" + filepath.Join(dir, "data", "files"), "--partitions", "4",
		}
	}}}
}

// clickHouse makes a database that is dropped once no statement runs in it: what a
// server that ends had begun goes on without it.
func clickHouse(t *testing.T) string {
	t.Helper()
	address := testenv.ClickHouse(t)
	options, err := clickhouse.ParseDSN(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer conn.Close() //nolint:errcheck // only read from
		eventually(t, "ClickHouse has nothing more to do", func() bool {
			var running uint64
			row := conn.QueryRow(context.Background(), "SELECT count() FROM system.processes WHERE current_database = currentDatabase()")
			return row.Scan(&running) == nil && running == 1 // this very question
		})
	})
	return address
}

// deleteTopics removes what the test before left.
func deleteTopics(t *testing.T, brokers string) {
	t.Helper()
	k, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	r := kmsg.NewPtrDeleteTopicsRequest()
	r.TimeoutMillis = 10_000
	for _, name := range topics() {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = &name
		r.TopicNames, r.Topics = append(r.TopicNames, name), append(r.Topics, topic)
	}
	deleted, err := r.RequestWith(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range deleted.Topics {
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Fatal(err)
		}
	}
}

// TestRowsOfAnotherDatabaseAreSkipped: rows that are on the topics but of no
// upload the server knows change nothing and hold nobody up.
func TestRowsOfAnotherDatabaseAreSkipped(t *testing.T) {
	b := suite.backends()[0]
	first := start(t, b)
	first.create(manyRows(500))
	first.Stop()
	second := &server{t: t, b: b, dir: t.TempDir(), log: &logBuffer{}, codecs: map[uint32]*goavro.Codec{}}
	t.Cleanup(second.cleanUp)
	second.flags = slices.Clone(first.flags)
	second.flags[slices.Index(second.flags, "--database")+1] = testenv.Postgres(t)
	second.Start()
	if r := second.apply(upload{company: another, isCreate: true, file: manyRows(20)}); r.Success != 20 {
		t.Errorf("%d of 20 rows succeeded", r.Success)
	}
	if n := len(second.customers(company)); n != 0 {
		t.Errorf("%d customers of the other database were made", n)
	}
}
