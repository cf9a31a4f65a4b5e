package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// keyLife is how long an idempotency key stands for its upload, in SQL.
const keyLife = `interval '30 days'`

// Accept is bulk.IntakeStore.Accept. Accepting the same upload again, after an
// error that left the outcome unknown, returns it as new.
func (s *Store) Accept(ctx context.Context, u *bulk.Upload) (accepted *bulk.Upload, isNew bool, err error) {
	err = s.write(ctx, crash.Accept, func(tx pgx.Tx) error {
		holder, err := takeKey(ctx, tx, u)
		if err != nil {
			return err
		}
		if holder == u.ID {
			if err := insertUpload(ctx, tx, u); err != nil {
				return fmt.Errorf("accept an upload: %w", err)
			}
		}
		accepted, err = oneUpload(ctx, tx, holder)
		isNew = holder == u.ID
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return accepted, isNew, nil
}

// takeKey takes the upload's idempotency key, if it has one, and returns whose
// key it is. A key past its life gives way.
func takeKey(ctx context.Context, tx pgx.Tx, u *bulk.Upload) (holder string, err error) {
	if u.IdempotencyKey == "" {
		return u.ID, nil
	}
	err = tx.QueryRow(ctx, `INSERT INTO idempotency AS i (caller, key, upload, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (caller, key) DO UPDATE SET upload = excluded.upload, created_at = excluded.created_at
			WHERE i.upload = excluded.upload OR i.created_at <= now() - `+keyLife+` RETURNING upload`,
		u.Caller, u.IdempotencyKey, u.ID, u.AcceptedAt).Scan(&holder)
	if errors.Is(err, pgx.ErrNoRows) {
		err = tx.QueryRow(ctx, `SELECT upload FROM idempotency WHERE caller = $1 AND key = $2`, u.Caller, u.IdempotencyKey).Scan(&holder)
	}
	if err != nil {
		return "", fmt.Errorf("take an idempotency key: %w", err)
	}
	return holder, nil
}

// insertUpload stores the upload with all that an accepted one has, unless it is
// there.
func insertUpload(ctx context.Context, tx pgx.Tx, u *bulk.Upload) error {
	var texts [3][]byte
	for i, v := range []any{u.Options, u.Dialect, u.Warnings} {
		var err error
		if texts[i], err = json.Marshal(v); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
	}
	header := u.Header
	if header == nil {
		header = []byte{}
	}
	tag, err := tx.Exec(ctx, `INSERT INTO upload (id, company, kind, state, total, accepted_at,
			size, rules, options, file_name, sha256, fingerprint, idempotency_key, dialect, warnings, header)
		VALUES ($1, $2, $3, 'accepted', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING`,
		u.ID, u.Company, string(u.Kind), u.Counters.Total, u.AcceptedAt, u.Size, u.Rules, texts[0], label(u.FileName),
		u.SHA256, u.Fingerprint, u.IdempotencyKey, texts[1], texts[2], header)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO tally (upload, progress_at) VALUES ($1, $2)`, u.ID, u.AcceptedAt); err != nil {
		return err
	}
	if u.Kind == bulk.KindCreate {
		if _, err := tx.Exec(ctx, `INSERT INTO company (company, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
			u.Company, u.AcceptedAt); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO job (kind, upload, fence, total) VALUES ($1, $2, 0, $3)`,
		string(bulk.JobSplit), u.ID, u.Counters.Total)
	return err
}

// label makes a name that says anything one that a text column can hold.
func label(name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x00", "\uFFFD")
}

// UploadByKey is bulk.IntakeStore.UploadByKey.
func (s *Store) UploadByKey(ctx context.Context, caller, key string) (*bulk.Upload, error) {
	if !isText(caller, key) {
		return nil, fmt.Errorf("upload: %w", bulk.ErrNotFound)
	}
	return oneOf(listUploads(ctx, s.general, ` WHERE u.id = (SELECT i.upload FROM idempotency i
		WHERE i.caller = $1 AND i.key = $2 AND i.created_at > now() - `+keyLife+`)`, caller, key))
}

// CompanyExists is bulk.IntakeStore.CompanyExists.
func (s *Store) CompanyExists(ctx context.Context, company string) (exists bool, err error) {
	if !isText(company) {
		return false, nil
	}
	err = s.general.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM company WHERE company = $1)`, company).Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("read a company: %w", wrap(err))
	}
	return exists, nil
}
