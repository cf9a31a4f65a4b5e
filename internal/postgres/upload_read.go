package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// counterColumns are those of an upload u and its tally t, read by counterTargets.
const counterColumns = `u.total, t.applied, t.unchanged, t.failed, t.unprocessed, t.warned, t.amount::text`

func counterTargets(n *bulk.Counters, amount *string) []any {
	return []any{&n.Total, &n.Applied, &n.Unchanged, &n.Failed, &n.Unprocessed, &n.Warned, amount}
}

const selectUploads = `SELECT u.id, u.company, u.kind, u.state, u.partitions, u.accepted_at, u.finished_at,
	u.size, u.rules, u.options::text, u.file_name, u.sha256, u.fingerprint, u.idempotency_key, u.dialect::text, u.warnings::text,
	u.header, t.progress_at,
	coalesce((SELECT j.owner FROM job j WHERE j.kind IN ('split', 'republish', 'finish') AND j.upload = u.id
		AND j.lease_until > now() AND j.owner <> '' ORDER BY j.turn DESC LIMIT 1), ''), ` + counterColumns + `
	FROM upload u JOIN tally t ON t.upload = u.id`

func listUploads(ctx context.Context, q querier, where string, args ...any) ([]bulk.Upload, error) {
	found, err := list(ctx, q, scanUpload, selectUploads+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read uploads: %w", err)
	}
	return found, nil
}

func scanUpload(row pgx.CollectableRow) (u bulk.Upload, err error) {
	var finishedAt *time.Time
	var options, dialect, warnings, amount string
	to := []any{
		&u.ID, &u.Company, &u.Kind, &u.State, &u.Partitions, &u.AcceptedAt, &finishedAt,
		&u.Size, &u.Rules, &options, &u.FileName, &u.SHA256, &u.Fingerprint, &u.IdempotencyKey, &dialect, &warnings,
		&u.Header, &u.ProgressAt, &u.Owner,
	}
	if err := row.Scan(append(to, counterTargets(&u.Counters, &amount)...)...); err != nil {
		return u, err
	}
	u.AcceptedAt, u.ProgressAt = u.AcceptedAt.UTC(), u.ProgressAt.UTC()
	if finishedAt != nil {
		u.FinishedAt = finishedAt.UTC()
	}
	u.Counters.Amount, err = customer.ParseDecimal(amount)
	err = errors.Join(err, json.Unmarshal([]byte(options), &u.Options), json.Unmarshal([]byte(dialect), &u.Dialect),
		json.Unmarshal([]byte(warnings), &u.Warnings))
	if err != nil {
		return u, fmt.Errorf("decode upload %s: %w", u.ID, err)
	}
	return u, nil
}

// oneOf is the only one of a list, or ErrNotFound.
func oneOf(found []bulk.Upload, err error) (*bulk.Upload, error) {
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("upload: %w", bulk.ErrNotFound)
	}
	return &found[0], nil
}

func oneUpload(ctx context.Context, q querier, uploadID string) (*bulk.Upload, error) {
	if !isText(uploadID) {
		return oneOf(nil, nil)
	}
	return oneOf(listUploads(ctx, q, ` WHERE u.id = $1`, uploadID))
}

// Upload is bulk.ReadStore.Upload.
func (s *Store) Upload(ctx context.Context, uploadID string) (*bulk.Upload, error) {
	return oneUpload(ctx, s.general, uploadID)
}

// Uploads is bulk.ReadStore.Uploads.
func (s *Store) Uploads(ctx context.Context, company, before string, limit int) ([]bulk.Upload, error) {
	if !isText(company, before) {
		return nil, nil
	}
	where, args := ` WHERE true`, []any{limit}
	if company != "" {
		args = append(args, company)
		where += fmt.Sprintf(` AND u.company = $%d`, len(args))
	}
	if before != "" {
		args = append(args, before)
		where += fmt.Sprintf(` AND u.id < $%d`, len(args))
	}
	return listUploads(ctx, s.general, where+` ORDER BY u.id DESC LIMIT $1`, args...)
}

// FinalUploads is bulk.ReadStore.FinalUploads.
func (s *Store) FinalUploads(ctx context.Context, uploads []string) ([]string, error) {
	final, err := list(ctx, s.general, pgx.RowTo[string], `SELECT upload FROM response WHERE upload = ANY($1::text[])`, uploads)
	if err != nil {
		return nil, fmt.Errorf("read final uploads: %w", err)
	}
	return final, nil
}

// OldestUnfinished is bulk.ReadStore.OldestUnfinished.
func (s *Store) OldestUnfinished(ctx context.Context) (at time.Time, ok bool, err error) {
	err = s.general.QueryRow(ctx, `SELECT accepted_at FROM upload WHERE state <> 'finished' ORDER BY accepted_at LIMIT 1`).Scan(&at)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("read the oldest upload: %w", wrap(err))
	}
	return at.UTC(), true, nil
}

// RowsInFlight is bulk.ReadStore.RowsInFlight.
func (s *Store) RowsInFlight(ctx context.Context) (rows int64, err error) {
	err = s.general.QueryRow(ctx, `SELECT coalesce(sum(u.total - t.applied - t.unchanged - t.failed - t.unprocessed), 0)::bigint
		FROM upload u JOIN tally t ON t.upload = u.id WHERE u.state <> 'finished'`).Scan(&rows)
	if err != nil {
		return 0, fmt.Errorf("count rows in flight: %w", wrap(err))
	}
	return rows, nil
}
