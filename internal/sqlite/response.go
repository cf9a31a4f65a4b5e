package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// StoreResponse is bulk.FinishStore.StoreResponse. Jobs that would send the
// upload's rows again end with it.
func (s *Store) StoreResponse(ctx context.Context, r *bulk.Response) (stored *bulk.Response, err error) {
	err = s.writeAt(ctx, crash.ResponseStore, func(c *sqlite.Conn) error {
		if err := insertResponse(c, r); err != nil {
			return fmt.Errorf("store a response: %w", err)
		}
		if stored, err = readResponse(c, r.Upload); err != nil {
			return err
		}
		n, err := change(c, `UPDATE upload SET state = 'finished', finished_at = ? WHERE id = ?`, stored.FinishedAt, r.Upload)
		if err != nil {
			return fmt.Errorf("finish an upload: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("finish an upload: %w", bulk.ErrNotFound)
		}
		_, err = change(c, `DELETE FROM job WHERE kind IN ('split', 'republish') AND upload = ?`, r.Upload)
		if err != nil {
			return fmt.Errorf("end the jobs of an upload: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

func insertResponse(c *sqlite.Conn, r *bulk.Response) error {
	n := &r.Counters
	_, err := change(c, `INSERT INTO response (upload, company, kind, outcome, total, applied, unchanged, failed, unprocessed,
			warned, amount, finished_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		r.Upload, r.Company, string(r.Kind), string(r.Outcome), n.Total, n.Applied, n.Unchanged, n.Failed, n.Unprocessed,
		n.Warned, n.Amount.String(), r.FinishedAt, r.Body)
	return err
}

func readResponse(c *sqlite.Conn, uploadID string) (*bulk.Response, error) {
	r := &bulk.Response{Upload: uploadID}
	n, err := query(c, `SELECT company, kind, outcome, finished_at, body, total, applied, unchanged, failed, unprocessed, warned, amount
		FROM response WHERE upload = ?`, func(st *sqlite.Stmt) (err error) {
		r.Company, r.Kind, r.Outcome = st.ColumnText(0), bulk.Kind(st.ColumnText(1)), bulk.Outcome(st.ColumnText(2))
		r.FinishedAt, r.Body = st.ColumnInt64(3), blob(st, 4)
		r.Counters, err = scanCounters(st, st.ColumnInt64(5), 6)
		return err
	}, uploadID)
	if err != nil {
		return nil, fmt.Errorf("read a response: %w", err)
	}
	if n == 0 {
		return nil, fmt.Errorf("response: %w", bulk.ErrNotFound)
	}
	return r, nil
}

// Response is bulk.ReadStore.Response.
func (s *Store) Response(ctx context.Context, uploadID string) (r *bulk.Response, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		r, err = readResponse(c, uploadID)
		return err
	})
	return r, err
}
