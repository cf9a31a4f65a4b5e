package clickhouse

import (
	"context"
	"fmt"
	"math"
	"math/big"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// InsertUploads is bulk.AnalyticsSink.InsertUploads.
func (s *Store) InsertUploads(ctx context.Context, token string, rows []bulk.AnalyticsUpload) error {
	type row = bulk.AnalyticsUpload
	return s.insert(ctx, token, `INSERT INTO uploads (company, upload, kind, outcome,
		total, applied, unchanged, failed, unprocessed, warned, total_amount, finished_at)`, func(c *columns) {
		c.add(column(rows, func(r *row) string { return r.Company }))
		c.add(column(rows, func(r *row) string { return r.Upload }))
		c.add(column(rows, func(r *row) string { return string(r.Kind) }))
		c.add(column(rows, func(r *row) string { return string(r.Outcome) }))
		c.add(column(rows, func(r *row) int64 { return r.Counters.Total }))
		c.add(column(rows, func(r *row) int64 { return r.Counters.Applied }))
		c.add(column(rows, func(r *row) int64 { return r.Counters.Unchanged }))
		c.add(column(rows, func(r *row) int64 { return r.Counters.Failed }))
		c.add(column(rows, func(r *row) int64 { return r.Counters.Unprocessed }))
		c.add(column(rows, func(r *row) int64 { return r.Counters.Warned }))
		c.add(column(rows, func(r *row) decimal.Decimal { return amount(r.Counters.Amount) }))
		c.add(column(rows, func(r *row) int64 { return r.FinishedAt }))
	})
}

// InsertResults is bulk.AnalyticsSink.InsertResults.
func (s *Store) InsertResults(ctx context.Context, token string, rows []bulk.AnalyticsResult) error {
	type row = bulk.AnalyticsResult
	code := func(i *bulk.AnalyticsIssue) string { return string(i.Code) }
	field := func(i *bulk.AnalyticsIssue) string { return i.Field }
	return s.insert(ctx, token, `INSERT INTO row_results (company, upload, row, status, customer_id, version,
		amount, error_codes, error_fields, warning_codes, warning_fields)`, func(c *columns) {
		c.add(column(rows, func(r *row) string { return r.Company }))
		c.add(column(rows, func(r *row) string { return r.Upload }))
		c.add(column(rows, func(r *row) int64 { return r.Row }))
		c.add(column(rows, func(r *row) string { return r.Status.String() }))
		c.add(column(rows, func(r *row) string { return r.CustomerID }))
		c.add(column(rows, func(r *row) int64 { return r.Version }))
		c.add(column(rows, func(r *row) decimal.Decimal { return amount(r.Amount) }))
		c.add(column(rows, func(r *row) []string { return column(r.Errors, code) }))
		c.add(column(rows, func(r *row) []string { return column(r.Errors, field) }))
		c.add(column(rows, func(r *row) []string { return column(r.Warnings, code) }))
		c.add(column(rows, func(r *row) []string { return column(r.Warnings, field) }))
	})
}

// InsertChanges is bulk.AnalyticsSink.InsertChanges.
func (s *Store) InsertChanges(ctx context.Context, token string, rows []bulk.AnalyticsChange) error {
	type row = bulk.AnalyticsChange
	names := map[customer.FieldSet][]string{} // a file changes the same few sets over and over
	fields := func(r *row) []string {
		list, ok := names[r.Fields]
		if !ok {
			list = r.Fields.Names()
			names[r.Fields] = list
		}
		return list
	}
	return s.insert(ctx, token, `INSERT INTO changes (company, upload, row, customer_id, version,
		operation, fields, changed_at)`, func(c *columns) {
		c.add(column(rows, func(r *row) string { return r.Company }))
		c.add(column(rows, func(r *row) string { return r.Upload }))
		c.add(column(rows, func(r *row) int64 { return r.Row }))
		c.add(column(rows, func(r *row) string { return r.CustomerID }))
		c.add(column(rows, func(r *row) int64 { return r.Version }))
		c.add(column(rows, func(r *row) string { return operation(r.Operation) }))
		c.add(column(rows, fields))
		c.add(column(rows, func(r *row) int64 { return r.ChangedAt }))
	})
}

// insert sends one block. Its time begins when it has its turn.
func (s *Store) insert(ctx context.Context, token, statement string, fill func(*columns)) error {
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	select {
	case s.inserts <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.inserts }()
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	// Asynchronous inserts would join blocks, and newer servers have them on.
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "insert_deduplicate": 1, "insert_deduplication_token": token,
	}))
	err := s.send(ctx, statement, fill)
	s.noteMissing(err)
	return err
}

func (s *Store) send(ctx context.Context, statement string, fill func(*columns)) error {
	batch, err := s.conn.PrepareBatch(ctx, statement)
	if err != nil {
		return fmt.Errorf("preparing a batch: %w", err)
	}
	defer func() { _ = batch.Close() }() // nothing is left to do after Send
	c := columns{batch: batch}
	fill(&c)
	if c.err != nil {
		return fmt.Errorf("filling column %d: %w", c.next, c.err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("sending a batch: %w", err)
	}
	return nil
}

// columns fills a batch column by column. The first error sticks.
type columns struct {
	batch driver.Batch
	next  int
	err   error
}

func (c *columns) add(values any) {
	if c.err != nil {
		return
	}
	if c.err = c.batch.Column(c.next).Append(values); c.err == nil {
		c.next++
	}
}

// column collects one value of every row; nil for no rows.
func column[R, V any](rows []R, value func(*R) V) []V {
	if len(rows) == 0 {
		return nil
	}
	list := make([]V, len(rows))
	for i := range rows {
		list[i] = value(&rows[i])
	}
	return list
}

// amountPlaces is the exponent of a count of ten-thousandths.
const amountPlaces = -4

func amount(d customer.Decimal) decimal.Decimal {
	hi, lo := d.Parts()
	if hi == 0 && lo <= math.MaxInt64 {
		return decimal.New(int64(lo), amountPlaces)
	}
	units := new(big.Int).Lsh(big.NewInt(hi), 64)
	return decimal.NewFromBigInt(units.Add(units, new(big.Int).SetUint64(lo)), amountPlaces)
}

func operation(o bulk.Operation) string {
	switch o {
	case bulk.OperationCreated:
		return "created"
	case bulk.OperationUpdated:
		return "updated"
	case bulk.OperationDeleted:
		return "deleted"
	}
	return "unknown"
}
