package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// selectUploads has the time as its parameter 1.
const selectUploads = `SELECT u.id, u.company, u.kind, u.state, u.partitions, u.total, u.accepted_at, u.finished_at,
	u.size, u.rules, u.options, u.file_name, u.sha256, u.fingerprint, u.idempotency_key, u.dialect, u.warnings, u.header,
	t.applied, t.unchanged, t.failed, t.unprocessed, t.warned, t.amount, t.progress_at,
	coalesce((SELECT j.owner FROM job j WHERE j.kind IN ('split', 'republish', 'finish') AND j.upload = u.id
		AND j.lease_until > ?1 AND j.owner <> '' ORDER BY j.served_at DESC LIMIT 1), '')
	FROM upload u CROSS JOIN tally t ON t.upload = u.id`

// listUploads reads uploads; the parameters of where begin at 2.
func (s *Store) listUploads(c *sqlite.Conn, where string, args ...any) ([]bulk.Upload, error) {
	var found []bulk.Upload
	_, err := query(c, selectUploads+where, func(st *sqlite.Stmt) error {
		u, err := scanUpload(st)
		if err != nil {
			return fmt.Errorf("upload %s: %w", st.ColumnText(0), err)
		}
		found = append(found, u)
		return nil
	}, append([]any{s.millis()}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read uploads: %w", err)
	}
	return found, nil
}

func scanUpload(st *sqlite.Stmt) (bulk.Upload, error) {
	u := bulk.Upload{
		ID:             st.ColumnText(0),
		Company:        st.ColumnText(1),
		Kind:           bulk.Kind(st.ColumnText(2)),
		State:          bulk.State(st.ColumnText(3)),
		Partitions:     st.ColumnInt32(4),
		AcceptedAt:     fromMillis(st.ColumnInt64(6)),
		FinishedAt:     fromMillis(st.ColumnInt64(7)),
		Size:           st.ColumnInt64(8),
		Rules:          st.ColumnInt(9),
		FileName:       st.ColumnText(11),
		SHA256:         st.ColumnText(12),
		Fingerprint:    st.ColumnText(13),
		IdempotencyKey: st.ColumnText(14),
		Header:         blob(st, 17),
		ProgressAt:     fromMillis(st.ColumnInt64(24)),
		Owner:          st.ColumnText(25),
	}
	for col, to := range map[int]any{10: &u.Options, 15: &u.Dialect, 16: &u.Warnings} {
		if err := json.Unmarshal(blob(st, col), to); err != nil {
			return u, fmt.Errorf("decode: %w", err)
		}
	}
	var err error
	u.Counters, err = scanCounters(st, st.ColumnInt64(5), 18)
	return u, err
}

// scanCounters reads applied, unchanged, failed, unprocessed, warned and amount
// from col on.
func scanCounters(st *sqlite.Stmt, total int64, col int) (bulk.Counters, error) {
	amount, err := customer.ParseDecimal(st.ColumnText(col + 5))
	if err != nil {
		return bulk.Counters{}, fmt.Errorf("decode an amount: %w", err)
	}
	return bulk.Counters{
		Total:       total,
		Applied:     st.ColumnInt64(col),
		Unchanged:   st.ColumnInt64(col + 1),
		Failed:      st.ColumnInt64(col + 2),
		Unprocessed: st.ColumnInt64(col + 3),
		Warned:      st.ColumnInt64(col + 4),
		Amount:      amount,
	}, nil
}

// fromMillis is the zero time for 0.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (s *Store) oneUpload(c *sqlite.Conn, uploadID string) (*bulk.Upload, error) {
	found, err := s.listUploads(c, ` WHERE u.id = ?2`, uploadID)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("upload: %w", bulk.ErrNotFound)
	}
	return &found[0], nil
}

// Upload is bulk.ReadStore.Upload.
func (s *Store) Upload(ctx context.Context, uploadID string) (u *bulk.Upload, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		u, err = s.oneUpload(c, uploadID)
		return err
	})
	return u, err
}

// Uploads is bulk.ReadStore.Uploads.
func (s *Store) Uploads(ctx context.Context, company, before string, limit int) (found []bulk.Upload, err error) {
	where, args := ` WHERE true`, []any{limit}
	if company != "" {
		args = append(args, company)
		where += fmt.Sprintf(` AND u.company = ?%d`, len(args)+1)
	}
	if before != "" {
		args = append(args, before)
		where += fmt.Sprintf(` AND u.id < ?%d`, len(args)+1)
	}
	err = s.read(ctx, func(c *sqlite.Conn) error {
		found, err = s.listUploads(c, where+` ORDER BY u.id DESC LIMIT ?2`, args...)
		return err
	})
	return found, err
}

// FinalUploads is bulk.ReadStore.FinalUploads.
func (s *Store) FinalUploads(ctx context.Context, uploads []string) ([]string, error) {
	list, err := json.Marshal(uploads)
	if err != nil {
		return nil, fmt.Errorf("encode upload ids: %w", err)
	}
	var final []string
	err = s.read(ctx, func(c *sqlite.Conn) error {
		l := uploadIDs(c, `SELECT r.upload FROM json_each(?) i CROSS JOIN response r ON r.upload = i.value`, string(list))
		final = l.ids
		return l.err
	})
	if err != nil {
		return nil, fmt.Errorf("read final uploads: %w", err)
	}
	return final, nil
}

// OldestUnfinished is bulk.ReadStore.OldestUnfinished.
func (s *Store) OldestUnfinished(ctx context.Context) (at time.Time, ok bool, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		n, err := query(c, `SELECT accepted_at FROM upload WHERE state <> 'finished' ORDER BY accepted_at LIMIT 1`,
			func(st *sqlite.Stmt) error {
				at = fromMillis(st.ColumnInt64(0))
				return nil
			})
		ok = n > 0
		return err
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read the oldest upload: %w", err)
	}
	return at, ok, nil
}

// RowsInFlight is bulk.ReadStore.RowsInFlight.
func (s *Store) RowsInFlight(ctx context.Context) (rows int64, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		_, err := query(c, `SELECT coalesce(sum(u.total - t.applied - t.unchanged - t.failed - t.unprocessed), 0)
			FROM upload u CROSS JOIN tally t ON t.upload = u.id WHERE u.state <> 'finished'`,
			func(st *sqlite.Stmt) error {
				rows = st.ColumnInt64(0)
				return nil
			})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count rows in flight: %w", err)
	}
	return rows, nil
}
