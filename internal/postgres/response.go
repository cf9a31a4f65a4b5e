package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/crash"
	"sluice/internal/customer"
)

// StoreResponse is bulk.FinishStore.StoreResponse. Jobs that would send the
// upload's rows again end with it.
func (s *Store) StoreResponse(ctx context.Context, r *bulk.Response) (stored *bulk.Response, err error) {
	err = s.write(ctx, crash.ResponseStore, func(tx pgx.Tx) error {
		if err := insertResponse(ctx, tx, r); err != nil {
			return fmt.Errorf("store a response: %w", err)
		}
		if stored, err = readResponse(ctx, tx, r.Upload); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE upload SET state = 'finished', finished_at = to_timestamp($2::double precision / 1000)
			WHERE id = $1`, r.Upload, float64(stored.FinishedAt))
		if err != nil {
			return fmt.Errorf("finish an upload: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("finish an upload: %w", bulk.ErrNotFound)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM job WHERE kind IN ('split', 'republish') AND upload = $1`, r.Upload); err != nil {
			return fmt.Errorf("end the jobs of an upload: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

func insertResponse(ctx context.Context, tx pgx.Tx, r *bulk.Response) error {
	n := &r.Counters
	_, err := tx.Exec(ctx, `INSERT INTO response (upload, company, kind, outcome, total, applied, unchanged, failed, unprocessed,
			warned, amount, finished_at, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::numeric, $12, $13) ON CONFLICT DO NOTHING`,
		r.Upload, r.Company, string(r.Kind), string(r.Outcome), n.Total, n.Applied, n.Unchanged, n.Failed, n.Unprocessed,
		n.Warned, n.Amount.String(), r.FinishedAt, r.Body)
	return err
}

func readResponse(ctx context.Context, q querier, uploadID string) (*bulk.Response, error) {
	r := &bulk.Response{Upload: uploadID}
	if !isText(uploadID) {
		return nil, fmt.Errorf("response: %w", bulk.ErrNotFound)
	}
	var amount string
	n := &r.Counters
	err := q.QueryRow(ctx, `SELECT company, kind, outcome, finished_at, body,
			total, applied, unchanged, failed, unprocessed, warned, amount::text FROM response WHERE upload = $1`, uploadID).
		Scan(append([]any{&r.Company, &r.Kind, &r.Outcome, &r.FinishedAt, &r.Body}, counterTargets(n, &amount)...)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("response: %w", bulk.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read a response: %w", wrap(err))
	}
	if n.Amount, err = customer.ParseDecimal(amount); err != nil {
		return nil, fmt.Errorf("decode an amount: %w", err)
	}
	return r, nil
}

// Response is bulk.ReadStore.Response.
func (s *Store) Response(ctx context.Context, uploadID string) (*bulk.Response, error) {
	return readResponse(ctx, s.general, uploadID)
}
