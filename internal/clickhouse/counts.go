package clickhouse

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// Counts is what ClickHouse holds of one upload, or of all. Repeated rows count
// once.
type Counts struct {
	Uploads  int64         // that have their response
	Response bulk.Counters // summed from the responses
	Results  bulk.Counters // counted from the results of rows
	Changes  int64
}

// Counts counts one upload of a company.
func (s *Store) Counts(ctx context.Context, company, upload string) (Counts, error) {
	return s.counts(ctx, "WHERE company = ? AND upload = ?", company, upload)
}

// Totals counts all uploads.
func (s *Store) Totals(ctx context.Context) (Counts, error) {
	return s.counts(ctx, "")
}

func (s *Store) counts(ctx context.Context, where string, args ...any) (Counts, error) {
	var c Counts
	r, amount := &c.Response, decimal.Decimal{}
	err := s.conn.QueryRow(ctx, `SELECT toInt64(count()), sum(total), sum(applied), sum(unchanged), sum(failed),
		sum(unprocessed), sum(warned), sum(total_amount) FROM uploads FINAL `+where, args...).
		Scan(&c.Uploads, &r.Total, &r.Applied, &r.Unchanged, &r.Failed, &r.Unprocessed, &r.Warned, &amount)
	if err == nil {
		r.Amount, err = customer.ParseDecimal(amount.String())
	}
	if err != nil {
		return c, fmt.Errorf("counting uploads: %w", err)
	}
	r = &c.Results
	err = s.conn.QueryRow(ctx, `SELECT toInt64(count()), toInt64(countIf(status = 'applied')), toInt64(countIf(status = 'unchanged')),
		toInt64(countIf(status = 'failed')), toInt64(countIf(status = 'unprocessed')), toInt64(countIf(notEmpty(warning_codes))),
		sumIf(amount, status IN ('applied', 'unchanged')) FROM row_results FINAL `+where, args...).
		Scan(&r.Total, &r.Applied, &r.Unchanged, &r.Failed, &r.Unprocessed, &r.Warned, &amount)
	if err == nil {
		r.Amount, err = customer.ParseDecimal(amount.String())
	}
	if err != nil {
		return c, fmt.Errorf("counting results: %w", err)
	}
	err = s.conn.QueryRow(ctx, `SELECT toInt64(count()) FROM changes FINAL `+where, args...).Scan(&c.Changes)
	if err != nil {
		return c, fmt.Errorf("counting changes: %w", err)
	}
	return c, nil
}
