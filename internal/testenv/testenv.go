// Package testenv gives tests real servers: Apache Kafka, PostgreSQL and
// ClickHouse. It is imported by tests only.
//
// Two ways. A test that only uses a server takes the shared one, which
// scripts/with-servers started and announced in the environment: [Brokers],
// [Postgres], [ClickHouse]. A test that stops or kills a server starts its
// own: [StartKafka], [StartPostgres], [StartClickHouse]. Either way a server
// that is not there fails the test; nothing here skips.
//
// Such tests live in files named *_servers_test.go with the build constraint
// "servers", so that `make test-unit` needs Go alone.
package testenv

import (
	"os"
	"strings"
	"testing"
)

// The environment in which scripts/with-servers runs its command.
const (
	KafkaVariable      = "SLUICE_TEST_KAFKA"      // host:port, separated by commas
	PostgresVariable   = "SLUICE_TEST_POSTGRES"   // URL of a superuser's database
	ClickHouseVariable = "SLUICE_TEST_CLICKHOUSE" // URL of the native protocol
	PythonVariable     = "SLUICE_TEST_PYTHON"     // interpreter with a Kafka client and an Avro library
)

func require(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Fatalf("%s is not set: this test needs real servers, run it as `scripts/with-servers go test -tags servers ./…`", variable)
	}
	return value
}

// Brokers are the addresses of the shared Kafka. Its topics are shared too,
// also with test binaries that run at the same time: use names of your own,
// or [StartKafka].
func Brokers(t testing.TB) []string {
	t.Helper()
	return strings.Split(require(t, KafkaVariable), ",")
}

// Python is the interpreter of the independent consumer.
func Python(t testing.TB) string {
	t.Helper()
	return require(t, PythonVariable)
}
