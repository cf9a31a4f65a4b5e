//go:build servers

package testenv_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"sluice/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func withTimeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestSharedServersAnswer(t *testing.T) {
	ctx := withTimeout(t)

	conn, err := kafka.DialContext(ctx, "tcp", testenv.Brokers(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}

	for range 2 { // each database is new
		queryPostgres(ctx, t, testenv.Postgres(t), "CREATE TABLE t (x int)")
		ch := openClickHouse(t, testenv.ClickHouse(t))
		if err := ch.Exec(ctx, "CREATE TABLE t (x Int32) ENGINE = MergeTree ORDER BY x"); err != nil {
			t.Error(err)
		}
	}

	out, err := exec.CommandContext(ctx, testenv.Python(t), "-c",
		"import confluent_kafka, fastavro, confluent_kafka.schema_registry.avro; print('fine')").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "fine" {
		t.Errorf("python: %v\n%s", err, out)
	}
}

func TestPostgresSurvivesStopAndKill(t *testing.T) {
	ctx := withTimeout(t)
	p := testenv.StartPostgres(t)
	queryPostgres(ctx, t, p.URL(), "CREATE TABLE t (x int)")
	for i, end := range []func() error{p.Stop, p.Kill} {
		queryPostgres(ctx, t, p.URL(), "INSERT INTO t VALUES (1)")
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if conn, err := pgx.Connect(ctx, p.URL()); err == nil {
			_ = conn.Close(ctx) // it should not have been there
			t.Fatal("still answers")
		}
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if got := queryPostgres(ctx, t, p.URL(), "SELECT * FROM t"); got != int64(i+1) {
			t.Fatalf("%d rows, want %d", got, i+1)
		}
	}
}

func TestClickHouseSurvivesStopAndKill(t *testing.T) {
	ctx := withTimeout(t)
	c := testenv.StartClickHouse(t)
	conn := openClickHouse(t, c.URL())
	if err := conn.Exec(ctx, "CREATE TABLE t (x Int32) ENGINE = MergeTree ORDER BY x"); err != nil {
		t.Fatal(err)
	}
	for i, end := range []func() error{c.Stop, c.Kill} {
		if err := conn.Exec(ctx, "INSERT INTO t VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Ping(ctx); err == nil {
			t.Fatal("still answers")
		}
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
		conn = openClickHouse(t, c.URL())
		var n uint64
		if err := conn.QueryRow(ctx, "SELECT count() FROM t").Scan(&n); err != nil || n != uint64(i+1) {
			t.Fatalf("%d rows (%v), want %d", n, err, i+1)
		}
	}
}

func TestKafkaSurvivesStopAndKill(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d_nodes", nodes), func(t *testing.T) {
			ctx := withTimeout(t)
			k := testenv.StartKafka(t, nodes)
			transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
			defer transport.CloseIdleConnections()
			client := &kafka.Client{Addr: kafka.TCP(k.Brokers()...), Transport: transport}
			made, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
				Topic: "t", NumPartitions: 1, ReplicationFactor: nodes,
			}}})
			if err != nil || made.Errors["t"] != nil {
				t.Fatal(err, made)
			}
			ends := []func(int) error{k.StopNode, k.KillNode}
			if nodes == 3 {
				ends = ends[1:] // each restart of a cluster takes its time
			}
			for i, end := range ends {
				produce(ctx, t, client)
				if err := end(1); err != nil {
					t.Fatal(err)
				}
				if nodes == 3 {
					produce(ctx, t, client) // two are enough
				}
				if err := k.StartNode(ctx, 1); err != nil {
					t.Fatal(err)
				}
				want := int64(i + 1)
				if nodes == 3 {
					want *= 2
				}
				// A repeated produce may append twice; this producer is not idempotent.
				if got := endOffset(ctx, t, client); got < want {
					t.Fatalf("%d records, want %d or more", got, want)
				}
			}
		})
	}
}

// produce appends one record, trying again while leaders move.
func produce(ctx context.Context, t *testing.T, client *kafka.Client) {
	t.Helper()
	eventually(ctx, t, func() error {
		answer, err := client.Produce(ctx, &kafka.ProduceRequest{
			Topic: "t", RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("x"))}),
		})
		if err != nil {
			return err
		}
		return answer.Error
	})
}

func endOffset(ctx context.Context, t *testing.T, client *kafka.Client) (end int64) {
	t.Helper()
	eventually(ctx, t, func() error {
		listed, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{"t": {kafka.LastOffsetOf(0)}}})
		if err != nil {
			return err
		}
		end = listed.Topics["t"][0].LastOffset
		return listed.Topics["t"][0].Error
	})
	return end
}

func eventually(ctx context.Context, t *testing.T, try func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// queryPostgres returns the number of rows affected or read.
func queryPostgres(ctx context.Context, t *testing.T, url, statement string) int64 {
	t.Helper()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := conn.Exec(ctx, statement)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	return tag.RowsAffected()
}

func openClickHouse(t *testing.T, url string) driver.Conn {
	t.Helper()
	options, err := clickhouse.ParseDSN(url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // its server may be gone
	return conn
}
