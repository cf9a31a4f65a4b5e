package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sluice/internal/bulk"
	"sluice/internal/crash"
	"sluice/internal/customer"
	"sluice/internal/tabular"
)

// Options say how files are taken in.
type Options struct {
	Store    bulk.IntakeStore
	Files    bulk.Files
	Limits   tabular.Limits
	MaxBytes int64  // of a file
	TempDir  string // for sorting what does not fit in memory
	Now      func() time.Time
	Accepted func(*bulk.Upload) // called after an upload was accepted; may be nil
	Logger   *slog.Logger
	Metrics  *Metrics

	sortedRows int // rows sorted in memory; tests make it small
}

// Intake implements bulk.Intake.
type Intake struct {
	o Options
}

// New returns an intake.
func New(o Options) *Intake {
	if o.sortedRows == 0 {
		o.sortedRows = sortedInMemory
	}
	return &Intake{o: o}
}

// Stage implements bulk.Intake. An idempotency key that has an upload is looked
// up before any limit: the file is then only hashed.
func (in *Intake) Stage(ctx context.Context, r bulk.IntakeRequest, file io.Reader) (bulk.Staged, error) {
	s := &staged{in: in, req: r}
	if r.IdempotencyKey != "" {
		first, err := in.o.Store.UploadByKey(ctx, r.Caller, r.IdempotencyKey)
		if err == nil {
			return s.replay(first, file)
		}
		if !errors.Is(err, bulk.ErrNotFound) {
			return nil, fmt.Errorf("looking up the idempotency key: %w", err)
		}
	}
	if r.Kind != bulk.KindCreate {
		exists, err := in.o.Store.CompanyExists(ctx, r.Company)
		if err != nil {
			return nil, fmt.Errorf("looking up company %s: %w", r.Company, err)
		}
		if !exists {
			return nil, &bulk.Refusal{Reason: bulk.RefusedCompany, Message: "there is no company " + r.Company + ": correct the identifier, or create its first customers"}
		}
	}
	started := time.Now()
	if err := s.read(ctx, file); err != nil {
		s.Discard(ctx)
		return nil, err
	}
	in.o.Metrics.Seconds.Observe(time.Since(started).Seconds())
	return s, nil
}

// staged implements bulk.Staged.
type staged struct {
	in     *Intake
	req    bulk.IntakeRequest
	upload *bulk.Upload
	first  *bulk.Upload // the key's upload, when this call repeats it
	writer bulk.FileWriter
	spool  bool // the spool file is in its place
	kept   bool
}

// replay hashes the file of a call whose key already has an upload.
func (s *staged) replay(first *bulk.Upload, file io.Reader) (bulk.Staged, error) {
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return nil, aborted(err)
	}
	if first.Fingerprint != fingerprint(s.req, h) {
		return nil, keyReused()
	}
	s.first = first
	return s, nil
}

func keyReused() *bulk.Refusal {
	return &bulk.Refusal{
		Reason: bulk.RefusedKey, Message: "this Idempotency-Key was used with another call, company, option or file: use a new key for a new upload",
		Issues: []customer.Issue{{Field: "Idempotency-Key", Column: -1, Code: customer.KeyReused, Message: "the key belongs to another upload"}},
	}
}

func aborted(err error) error {
	return &bulk.Refusal{Reason: bulk.RefusedAborted, Message: "the body ended before the file did; nothing was accepted: send the whole file again (" + errText(err) + ")"}
}

// errText names the two ways a body ends early without telling internals.
func errText(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "unexpected end"
	}
	return "connection lost"
}

// fingerprint tells calls under one key apart: call, company, options and bytes.
func fingerprint(r bulk.IntakeRequest, file hash.Hash) string {
	h := sha256.New()
	h.Write(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%x", r.Kind, r.Company, r.Options.OnRepeat, r.Options.EmptyCells, file.Sum(nil)))
	return hex.EncodeToString(h.Sum(nil))
}

// read streams the file to the spool and checks it as a whole.
func (s *staged) read(ctx context.Context, file io.Reader) error {
	o := &s.in.o
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("making an upload id: %w", err)
	}
	s.upload = &bulk.Upload{
		ID: id.String(), Company: s.req.Company, Kind: s.req.Kind, Options: s.req.Options,
		FileName: s.req.FileName, Rules: bulk.RuleVersion, IdempotencyKey: s.req.IdempotencyKey, Caller: s.req.Caller,
		State: bulk.StateAccepted,
	}
	crash.Before(crash.SpoolWrite)
	s.writer, err = o.Files.Create(ctx, bulk.SpoolName(s.upload.ID))
	if err != nil {
		return storageError("creating the spool file", err)
	}
	sum := sha256.New()
	src := &source{file: file, spool: s.writer, sum: sum, left: o.MaxBytes}
	rep, err := s.rows(src)
	if err != nil {
		return s.refusal(src, err)
	}
	defer rep.close()
	crash.After(crash.SpoolWrite)
	s.upload.SHA256 = hex.EncodeToString(sum.Sum(nil))
	s.upload.Size = src.size
	s.upload.Fingerprint = fingerprint(s.req, sum)
	crash.Before(crash.SpoolSync)
	if err := s.writer.Commit(); err != nil {
		return storageError("storing the spool file", err)
	}
	s.spool = true
	crash.After(crash.SpoolSync)
	return s.storeRepeats(ctx, rep)
}

// rows reads the table: header, number of rows, repeats.
func (s *staged) rows(src *source) (*repeats, error) {
	o := &s.in.o
	table, err := tabular.NewReader(src, o.Limits)
	if err != nil {
		return nil, err
	}
	columns, err := customer.ParseHeader(table.Header().Names)
	if err != nil {
		return nil, err
	}
	rep := newRepeats(o.TempDir, o.sortedRows)
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			rep.close()
			return nil, err
		}
		s.upload.Counters.Total = row.Number
		if identity := columns.IdentityCell(row.Cells); len(identity) > 0 {
			if err := rep.add(identity, row.Number); err != nil {
				rep.close()
				return nil, err
			}
		}
	}
	if s.upload.Counters.Total == 0 {
		rep.close()
		return nil, &tabular.FileError{Kind: tabular.Empty, Message: "the file has a header but no rows below it: add the rows to apply"}
	}
	d := table.Dialect()
	s.upload.Dialect = bulk.Dialect(d)
	s.upload.Header = bytes.Clone(table.Header().Raw)
	if w, ok := columns.Warning(); ok {
		s.upload.Warnings = append(s.upload.Warnings, w)
	}
	return rep, nil
}

// storeRepeats writes the set of repeated rows beside the spool, if there are any.
func (s *staged) storeRepeats(ctx context.Context, rep *repeats) error {
	set, err := rep.find()
	if err != nil {
		return storageError("sorting the identities", err)
	}
	if set.IsEmpty() {
		return nil
	}
	w, err := s.in.o.Files.Create(ctx, bulk.RepeatsName(s.upload.ID))
	if err != nil {
		return storageError("creating the set of repeats", err)
	}
	if _, err := set.WriteTo(w); err != nil {
		return errors.Join(storageError("writing the set of repeats", err), w.Abort())
	}
	if err := w.Commit(); err != nil {
		return errors.Join(storageError("storing the set of repeats", err), w.Abort())
	}
	return nil
}

// Accept implements bulk.Staged.
func (s *staged) Accept(ctx context.Context) (*bulk.Upload, bool, error) {
	if s.first != nil {
		return s.first, false, nil
	}
	s.upload.AcceptedAt = s.in.o.Now().UTC()
	u, isNew, err := s.in.o.Store.Accept(ctx, s.upload)
	if err != nil {
		// The commit may have gone through: the spool stays, as an accepted upload
		// needs it and an orphan is swept at the next start.
		s.kept = true
		return nil, false, storageError("accepting the upload", err)
	}
	if !isNew {
		s.Discard(ctx)
		if u.Fingerprint != s.upload.Fingerprint {
			return nil, false, keyReused()
		}
		return u, false, nil
	}
	s.kept = true
	if s.in.o.Accepted != nil {
		s.in.o.Accepted(u)
	}
	return u, true, nil
}

// Discard implements bulk.Staged.
func (s *staged) Discard(ctx context.Context) {
	if s.kept || s.upload == nil {
		return
	}
	s.kept = true
	ctx = context.WithoutCancel(ctx)
	if s.writer != nil && !s.spool {
		if err := s.writer.Abort(); err != nil {
			s.in.o.Logger.Warn("cannot remove a refused spool file", "upload_id", s.upload.ID, "err", err)
		}
	}
	for _, name := range []string{bulk.SpoolName(s.upload.ID), bulk.RepeatsName(s.upload.ID)} {
		if err := s.in.o.Files.Delete(ctx, name); err != nil {
			s.in.o.Logger.Warn("cannot remove a refused file", "upload_id", s.upload.ID, "err", err)
		}
	}
}
