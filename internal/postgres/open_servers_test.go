//go:build servers

package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/postgres"
	"sluice/internal/testenv"
)

func TestProcessesMayMigrateAtOnce(t *testing.T) {
	url := testenv.Postgres(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = postgres.Migrate(t.Context(), url) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func TestStoreDoesNotOpen(t *testing.T) {
	for name, o := range map[string]postgres.Options{
		"without_enough_connections": {URL: testenv.Postgres(t), MaxConns: 1},
		"when_nobody_listens":        {URL: "postgres://postgres@127.0.0.1:1/postgres?sslmode=disable"},
		"at_an_unreadable_address":   {URL: "postgres://[/"},
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := postgres.Open(t.Context(), o); err == nil {
				t.Fatal("opened", s.Close())
			}
		})
	}
}

// The columns are made from the table of fields: a new field needs a migration.
func TestEveryFieldHasItsColumn(t *testing.T) {
	url := testenv.Postgres(t)
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	rows, err := connect(t, url).Query(t.Context(), `SELECT attname::text FROM pg_attribute
		WHERE attrelid = 'customer'::regclass AND attnum > 5 ORDER BY attnum`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, spec := range customer.Specs() {
		fields = append(fields, strings.ToLower(spec.Name))
	}
	for i := range columns {
		columns[i] = strings.ReplaceAll(columns[i], "_", "")
	}
	if !slices.Equal(columns, fields) {
		t.Errorf("columns are %v, fields %v", columns, fields)
	}
}

func TestFrozenTransactionIsEnded(t *testing.T) {
	url := testenv.Postgres(t)
	s, _ := eventStore(t, url+"&lock_timeout=100ms")
	if err := s.Restart(t.Context(), source(), -1, 0); err != nil {
		t.Fatal(err)
	}
	// Another process that froze inside a transaction, with a store's own time-out.
	frozen := connect(t, url+"&idle_in_transaction_session_timeout=300ms")
	if _, err := frozen.Exec(t.Context(), "BEGIN; UPDATE progress SET published = 0"); err != nil {
		t.Fatal(err)
	}
	if err := s.MarkPublished(t.Context(), source(), 1); err != nil {
		t.Fatal(err)
	}
}

func TestPrefixMayEndWithTheLastCharacter(t *testing.T) {
	s, codec := eventStore(t, testenv.Postgres(t))
	names := []string{"a\U0010FFFF", "a\U0010FFFFb", "b", "\U0010FFFF", "\uD7FF!", "\uE000"}
	err := s.Apply(t.Context(), &bulk.ApplyBatch{Source: source(), Next: 1}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w := &bulk.ApplyWrite{}
		for i, name := range names {
			c := customer.Customer{CustomerID: id(i), Version: 1, UpdatedAt: time.UnixMilli(1)}
			c.Values[customer.LegalName] = customer.Value{Set: true, Text: name}
			w.Customers = append(w.Customers, write(codec, &c, -1))
		}
		return w, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string][]int{
		"a\U0010FFFF": {0, 1}, "a": {0, 1}, "\U0010FFFF": {3}, "\uD7FF": {4}, "\uE000": {5}, "\x00": nil,
	} {
		found, err := s.SearchCustomers(t.Context(), bulk.CustomerQuery{Company: company, NamePrefix: prefix, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range found {
			got = append(got, found[i].CustomerID)
		}
		var ids []string
		for _, n := range want {
			ids = append(ids, id(n))
		}
		if !slices.Equal(got, ids) {
			t.Errorf("prefix %q finds %v, want %v", prefix, got, ids)
		}
	}
}
