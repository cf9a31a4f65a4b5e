package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jackc/pgx/v5"
)

const adminTimeout = 30 * time.Second

// Postgres makes a new database on the shared PostgreSQL, dropped when the
// test ends together with any session still in it, and returns its URL.
func Postgres(t testing.TB) string {
	t.Helper()
	admin := require(t, PostgresVariable)
	name := databaseName()
	postgresExec(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { postgresExec(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	return withDatabase(t, admin, name)
}

// ClickHouse makes a new database on the shared ClickHouse, dropped when the
// test ends, and returns its URL (native protocol).
func ClickHouse(t testing.TB) string {
	t.Helper()
	admin := require(t, ClickHouseVariable)
	name := databaseName()
	clickHouseExec(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { clickHouseExec(t, admin, "DROP DATABASE "+name+" SYNC") })
	return withDatabase(t, admin, name)
}

// databaseName is random: test binaries of several packages share a server.
func databaseName() string {
	return "test_" + strings.ToLower(rand.Text()[:16])
}

func withDatabase(t testing.TB, admin, name string) string {
	t.Helper()
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("the server's URL: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

func postgresExec(t testing.TB, url, statement string) {
	t.Helper()
	// Not the test's context: it is over when cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connecting to PostgreSQL: %v", err)
	}
	_, err = conn.Exec(ctx, statement)
	if errClose := conn.Close(ctx); err == nil {
		err = errClose
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func clickHouseExec(t testing.TB, url, statement string) {
	t.Helper()
	// Not the test's context: it is over when cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	err := func() error {
		options, err := clickhouse.ParseDSN(url)
		if err != nil {
			return fmt.Errorf("parsing the URL: %w", err)
		}
		conn, err := clickhouse.Open(options)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		defer func() { _ = conn.Close() }() // the statement's error decides
		return conn.Exec(ctx, statement)
	}()
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
