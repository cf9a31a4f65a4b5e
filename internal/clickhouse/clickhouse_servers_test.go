//go:build servers

package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"sluice/internal/bulk"
	"sluice/internal/clickhouse"
	"sluice/internal/customer"
	"sluice/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	company = "CEKDEMO001"
	upload  = "0192f0c5-0000-7000-8000-000000000001"
)

func open(t testing.TB, url string) *clickhouse.Store {
	t.Helper()
	s, err := clickhouse.Open(clickhouse.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[V any](t testing.TB, what string, got, want V) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// raw opens a plain connection, to see what the store's own questions hide.
func raw(t testing.TB, url string) driver.Conn {
	t.Helper()
	options, err := driver.ParseDSN(url)
	must(t, err)
	conn, err := driver.Open(options)
	must(t, err)
	t.Cleanup(func() { must(t, conn.Close()) })
	return conn
}

func rawCount(t testing.TB, conn driver.Conn, table string) (n uint64) {
	t.Helper()
	must(t, conn.QueryRow(t.Context(), "SELECT count() FROM "+table).Scan(&n))
	return n
}

func decimal(t testing.TB, s string) customer.Decimal {
	t.Helper()
	d, err := customer.ParseDecimal(s)
	must(t, err)
	return d
}

// results makes n results of each status, from a row on.
func results(t testing.TB, from, n int) []bulk.AnalyticsResult {
	list := make([]bulk.AnalyticsResult, n)
	for i := range list {
		r := &list[i]
		*r = bulk.AnalyticsResult{
			Company: company, Upload: upload, Row: int64(from + i), Status: bulk.Status(i % 4),
			CustomerID: fmt.Sprintf("KC%014d", i), Version: int64(i), Amount: decimal(t, "1.25"),
		}
		if r.Status == bulk.StatusFailed {
			r.Errors = []bulk.AnalyticsIssue{{Code: customer.TooLong, Field: "address"}, {Code: customer.Required}}
		}
		if i%5 == 0 {
			r.Warnings = []bulk.AnalyticsIssue{{Code: "REPEATED_ROW", Field: "customerId"}}
		}
	}
	return list
}

func changes(from, n int) []bulk.AnalyticsChange {
	list := make([]bulk.AnalyticsChange, n)
	for i := range list {
		list[i] = bulk.AnalyticsChange{
			Company: company, Upload: upload, Row: int64(from + i), CustomerID: fmt.Sprintf("KC%014d", i),
			Version: 2, Operation: bulk.OperationUpdated, Fields: customer.SetOf(customer.LegalName, customer.PinCode), ChangedAt: 1_750_000_000_123,
		}
	}
	return list
}

func response() []bulk.AnalyticsUpload {
	return []bulk.AnalyticsUpload{{
		Company: company, Upload: upload, Kind: bulk.KindUpdate, Outcome: bulk.OutcomePartial,
		Counters: bulk.Counters{Total: 8, Applied: 2, Unchanged: 2, Failed: 2, Unprocessed: 2, Warned: 2}, FinishedAt: 1_750_000_000_456,
	}}
}

func TestBlockSentAgain(t *testing.T) {
	for name, insert := range map[string]func(ctx context.Context, s *clickhouse.Store, token string) error{
		"uploads": func(ctx context.Context, s *clickhouse.Store, token string) error {
			return s.InsertUploads(ctx, token, response())
		},
		"row_results": func(ctx context.Context, s *clickhouse.Store, token string) error {
			return s.InsertResults(ctx, token, results(t, 1, 1))
		},
		"changes": func(ctx context.Context, s *clickhouse.Store, token string) error {
			return s.InsertChanges(ctx, token, changes(1, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := testenv.ClickHouse(t)
			s, conn := open(t, url), raw(t, url)
			for range 3 {
				must(t, insert(t.Context(), s, "c/t/0/0-10/1"))
			}
			equal(t, "rows of one block under one token", rawCount(t, conn, name), 1)
			must(t, insert(t.Context(), s, "c/t/0/0-10/2"))
			equal(t, "rows under two tokens before a merge", rawCount(t, conn, name), 2)
			equal(t, "rows under two tokens with FINAL", rawCount(t, conn, name+" FINAL"), 1)
		})
	}
}

func TestOneTokenInSeveralTables(t *testing.T) {
	s := open(t, testenv.ClickHouse(t))
	must(t, s.InsertResults(t.Context(), "journal/1", results(t, 1, 8)))
	must(t, s.InsertChanges(t.Context(), "journal/1", changes(1, 8)))
	must(t, s.InsertUploads(t.Context(), "journal/1", response()))
	got, err := s.Totals(t.Context())
	must(t, err)
	equal(t, "rows", []int64{got.Uploads, got.Results.Total, got.Changes}, []int64{1, 8, 8})
}

func TestCounts(t *testing.T) {
	s := open(t, testenv.ClickHouse(t))
	ctx := t.Context()
	must(t, s.InsertUploads(ctx, "a", response()))
	must(t, s.InsertResults(ctx, "b", results(t, 1, 8)))
	must(t, s.InsertResults(ctx, "c", results(t, 5, 4))) // again, in another cut
	must(t, s.InsertChanges(ctx, "d", changes(1, 2)))
	want := clickhouse.Counts{
		Uploads: 1, Response: response()[0].Counters, Changes: 2,
		Results: bulk.Counters{Total: 8, Applied: 2, Unchanged: 2, Failed: 2, Unprocessed: 2, Amount: decimal(t, "5")},
	}
	got, err := s.Counts(ctx, company, upload)
	must(t, err)
	want.Results.Warned = got.Results.Warned // rows 5 to 8 say which
	equal(t, "counts", got, want)
	got, err = s.Counts(ctx, "CEKOTHER01", upload)
	must(t, err)
	equal(t, "counts of another company", got, clickhouse.Counts{})
}

func TestValuesComeBack(t *testing.T) {
	url := testenv.ClickHouse(t)
	s, conn := open(t, url), raw(t, url)
	for i, text := range []string{"0", "-0.0001", "92233720368547758.0801", "-123456789012345678.1234", "9999999999999999999999999999999999.9999"} {
		must(t, s.InsertResults(t.Context(), fmt.Sprint(i), []bulk.AnalyticsResult{{
			Company: company, Upload: upload, Row: int64(i),
			Status: bulk.StatusFailed, Amount: decimal(t, text), CustomerID: "ünï\x00", Version: -1,
			Errors: []bulk.AnalyticsIssue{{Code: "A", Field: "x"}, {Code: "B"}},
		}}))
		var amount, codes, fields, warnings, id, status string
		must(t, conn.QueryRow(t.Context(), `SELECT toString(amount), toString(error_codes), toString(error_fields),
			toString(warning_codes), customer_id, status FROM row_results WHERE row = ?`, i).
			Scan(&amount, &codes, &fields, &warnings, &id, &status))
		equal(t, "row", []string{amount, codes, fields, warnings, id, status}, []string{text, "['A','B']", "['x','']", "[]", "ünï\x00", "failed"})
	}
	must(t, s.InsertChanges(t.Context(), "c", changes(1, 1)))
	var fields []string
	var at time.Time
	var op string
	must(t, conn.QueryRow(t.Context(), "SELECT fields, changed_at, operation FROM changes").Scan(&fields, &at, &op))
	equal(t, "fields", fields, []string{"legalName", "pinCode"})
	equal(t, "operation", op, "updated")
	equal(t, "changed_at", at.UnixMilli(), 1_750_000_000_123)
}

func TestTextsWithoutRepeats(t *testing.T) {
	s := open(t, testenv.ClickHouse(t))
	rows := results(t, 1, 1000)
	for i := range rows { // more words than one byte counts, in low-cardinality columns too
		rows[i].Company = fmt.Sprintf("CEK%07d", i)
		rows[i].Errors = []bulk.AnalyticsIssue{{Code: customer.Code(fmt.Sprint("C", i)), Field: fmt.Sprint("f", i)}}
	}
	must(t, s.InsertResults(t.Context(), "a", rows))
	got, err := s.Totals(t.Context())
	must(t, err)
	equal(t, "rows", got.Results.Total, 1000)
}

func TestMigrate(t *testing.T) {
	t.Run("several_processes_at_once", func(t *testing.T) {
		url := testenv.ClickHouse(t)
		var g errgroup.Group
		for range 4 {
			s := open(t, url)
			g.Go(func() error { return s.Migrate(t.Context()) })
		}
		must(t, g.Wait())
		s := open(t, url)
		must(t, s.Migrate(t.Context()))
		must(t, s.InsertChanges(t.Context(), "a", changes(1, 1)))
	})
	t.Run("tables_that_have_gone_are_made_again", func(t *testing.T) {
		url := testenv.ClickHouse(t)
		s, conn := open(t, url), raw(t, url)
		must(t, s.Migrate(t.Context()))
		for _, table := range []string{"uploads", "row_results", "changes", "goose_db_version"} {
			must(t, conn.Exec(t.Context(), "DROP TABLE "+table+" SYNC"))
		}
		if err := s.InsertChanges(t.Context(), "a", changes(1, 1)); err == nil {
			t.Fatal("inserted into a table that is not there")
		}
		must(t, s.InsertChanges(t.Context(), "a", changes(1, 1)))
	})
}

func TestServerThatIsAway(t *testing.T) {
	server := testenv.StartClickHouse(t)
	s := open(t, server.URL())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must(t, server.Stop())

	if err := s.InsertChanges(ctx, "a", changes(1, 10)); err == nil {
		t.Fatal("inserted into a server that is away")
	}
	prepared := make(chan error, 1)
	go func() { prepared <- s.Prepare(ctx) }()
	must(t, server.Start(ctx))
	must(t, <-prepared)
	must(t, s.InsertChanges(ctx, "a", changes(1, 10)))

	for i, end := range []func() error{server.Stop, server.Kill} {
		must(t, end())
		if err := s.InsertChanges(ctx, "b", changes(11, 10)); err == nil {
			t.Fatal("inserted into a server that is away")
		}
		must(t, server.Start(ctx))
		must(t, eventually(ctx, func() error { return s.InsertChanges(ctx, fmt.Sprint("b", i), changes(11+10*i, 10)) }))
		must(t, eventually(ctx, func() error { return s.InsertChanges(ctx, "a", changes(1, 10)) })) // the token outlives the server
		equal(t, "rows", rawCount(t, raw(t, server.URL()), "changes"), uint64(20+10*i))
	}
}

// eventually tries again: connections to the server that ended are found out by use.
func eventually(ctx context.Context, try func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	const n = 20_000
	s := open(b, testenv.ClickHouse(b))
	must(b, s.Migrate(b.Context()))
	for name, insert := range map[string]func(i int) error{
		"results": func(i int) error { return s.InsertResults(b.Context(), fmt.Sprint(time.Now()), results(b, i*n, n)) },
		"changes": func(i int) error { return s.InsertChanges(b.Context(), fmt.Sprint(time.Now()), changes(i*n, n)) },
	} {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				must(b, insert(i))
				i++
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
