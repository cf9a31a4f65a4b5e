package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// keyLife is how long an idempotency key stands for its upload.
const keyLife = 30 * 24 * time.Hour

// Accept is bulk.IntakeStore.Accept. Accepting the same upload again, after an
// error that left the outcome unknown, returns it as new.
func (s *Store) Accept(ctx context.Context, u *bulk.Upload) (accepted *bulk.Upload, isNew bool, err error) {
	err = s.writeAt(ctx, crash.Accept, func(c *sqlite.Conn) error {
		id := u.ID
		if u.IdempotencyKey != "" {
			holder, err := s.keyHolder(c, u.Caller, u.IdempotencyKey)
			if err != nil {
				return err
			}
			if holder != "" {
				id = holder
			}
		}
		found, err := s.listUploads(c, ` WHERE u.id = ?2`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			if err := s.insertUpload(c, u); err != nil {
				return fmt.Errorf("accept an upload: %w", err)
			}
			if found, err = s.listUploads(c, ` WHERE u.id = ?2`, id); err != nil {
				return err
			}
		}
		accepted, isNew = &found[0], id == u.ID
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return accepted, isNew, nil
}

// insertUpload stores the upload with all that an accepted one has.
func (s *Store) insertUpload(c *sqlite.Conn, u *bulk.Upload) error {
	options, err := json.Marshal(u.Options)
	if err != nil {
		return fmt.Errorf("encode options: %w", err)
	}
	dialect, err := json.Marshal(u.Dialect)
	if err != nil {
		return fmt.Errorf("encode the dialect: %w", err)
	}
	warnings, err := json.Marshal(u.Warnings)
	if err != nil {
		return fmt.Errorf("encode warnings: %w", err)
	}
	_, err = change(c, `INSERT INTO upload (id, company, kind, state, partitions, total, accepted_at, finished_at,
			size, rules, options, file_name, sha256, fingerprint, idempotency_key, dialect, warnings, header)
		VALUES (?, ?, ?, 'accepted', 0, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		u.ID, u.Company, string(u.Kind), u.Counters.Total, u.AcceptedAt.UnixMilli(),
		u.Size, u.Rules, string(options), u.FileName, u.SHA256, u.Fingerprint, u.IdempotencyKey,
		string(dialect), string(warnings), u.Header)
	if err != nil {
		return err
	}
	if _, err := change(c, `INSERT INTO tally (upload, progress_at) VALUES (?, ?)`, u.ID, u.AcceptedAt.UnixMilli()); err != nil {
		return err
	}
	if u.IdempotencyKey != "" {
		// A key past its life gives way.
		if _, err := change(c, `INSERT OR REPLACE INTO idempotency (caller, key, upload, created_at) VALUES (?, ?, ?, ?)`,
			u.Caller, u.IdempotencyKey, u.ID, u.AcceptedAt.UnixMilli()); err != nil {
			return err
		}
	}
	if u.Kind == bulk.KindCreate {
		if _, err := change(c, `INSERT INTO company (company, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING`,
			u.Company, u.AcceptedAt.UnixMilli()); err != nil {
			return err
		}
	}
	return addJob(c, bulk.JobSplit, u.ID)
}

// keyHolder returns the upload under a living key; empty if there is none.
func (s *Store) keyHolder(c *sqlite.Conn, caller, key string) (uploadID string, err error) {
	_, err = query(c, `SELECT upload FROM idempotency WHERE caller = ? AND key = ? AND created_at > ?`,
		func(st *sqlite.Stmt) error {
			uploadID = st.ColumnText(0)
			return nil
		}, caller, key, s.millis()-keyLife.Milliseconds())
	if err != nil {
		return "", fmt.Errorf("read an idempotency key: %w", err)
	}
	return uploadID, nil
}

// UploadByKey is bulk.IntakeStore.UploadByKey.
func (s *Store) UploadByKey(ctx context.Context, caller, key string) (u *bulk.Upload, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		id, err := s.keyHolder(c, caller, key)
		if err != nil {
			return err
		}
		u, err = s.oneUpload(c, id)
		return err
	})
	return u, err
}

// CompanyExists is bulk.IntakeStore.CompanyExists.
func (s *Store) CompanyExists(ctx context.Context, company string) (exists bool, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		n, err := query(c, `SELECT 1 FROM company WHERE company = ?`, nil, company)
		exists = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read a company: %w", err)
	}
	return exists, nil
}
