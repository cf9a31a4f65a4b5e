package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/crash"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/tabular"
)

// FinisherOptions say how uploads are finished.
type FinisherOptions struct {
	Store     bulk.FinishStore
	Files     bulk.Files
	Publisher bulk.Publisher
	Codec     *event.Codec
	Limits    tabular.Limits
	Signer    *bulk.FileSigner
	Now       func() time.Time
	Finished  func(uploadID string) // called after the response was stored; may be nil
	Logger    *slog.Logger
	Metrics   *Metrics
}

// Finisher writes the result files and the response of uploads whose rows all
// have a result. Doing it twice gives the same files, and the response that was
// stored first stands. Safe for concurrent use.
type Finisher struct {
	o FinisherOptions
}

// NewFinisher returns a finisher.
func NewFinisher(o FinisherOptions) *Finisher { return &Finisher{o} }

// Do is the work of one bulk.JobFinish.
func (f *Finisher) Do(ctx context.Context, l *bulk.Lease) error {
	started := time.Now()
	u, err := f.o.Store.Upload(ctx, l.Upload)
	if err != nil {
		return fmt.Errorf("reading upload %s: %w", l.Upload, err)
	}
	response, err := f.response(ctx, u)
	if err != nil {
		return err
	}
	if f.o.Finished != nil {
		f.o.Finished(u.ID)
	}
	crash.Before(crash.ResponsePublish)
	if err := f.o.Publisher.Publish(ctx, []bulk.Record{f.o.Codec.ResponseRecord(response)}); err != nil {
		return fmt.Errorf("publishing the response: %w", err)
	}
	crash.After(crash.ResponsePublish)
	if err := f.sweep(ctx, u.ID); err != nil {
		return err
	}
	f.o.Metrics.FinishSeconds.Observe(time.Since(started).Seconds())
	return nil
}

// response returns the stored response, making it if there is none.
func (f *Finisher) response(ctx context.Context, u *bulk.Upload) (*bulk.Response, error) {
	if u.State.IsFinal() {
		r, err := f.o.Store.Response(ctx, u.ID)
		if err != nil {
			return nil, fmt.Errorf("reading the response: %w", err)
		}
		return r, nil
	}
	w := newWriting(f, u)
	defer w.abort()
	if err := w.rows(ctx); err != nil {
		return nil, fmt.Errorf("writing the result files: %w", err)
	}
	now := f.o.Now().UTC()
	r := &bulk.Response{
		Upload: u.ID, Company: u.Company, Kind: u.Kind, Outcome: u.Counters.Outcome(),
		Counters: u.Counters, FinishedAt: now.UnixMilli(),
	}
	r.Body = body(u, w.samples, func(b bulk.Bucket) (name, url string) {
		if !w.has(b) {
			return "", ""
		}
		return bulk.ResultFileName(u.FileName, b), f.o.Signer.Sign(u.ID, b, now)
	})
	stored, err := f.o.Store.StoreResponse(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("storing the response: %w", err)
	}
	f.o.Metrics.Uploads.WithLabelValues(string(stored.Outcome)).Inc()
	return stored, nil
}

// sweep removes what only finishing needed.
func (f *Finisher) sweep(ctx context.Context, uploadID string) error {
	crash.Before(crash.SpoolDelete)
	for _, name := range []string{bulk.SpoolName(uploadID), bulk.RepeatsName(uploadID)} {
		if err := f.o.Files.Delete(ctx, name); err != nil {
			return fmt.Errorf("removing %s: %w", name, err)
		}
	}
	if err := f.o.Store.DropChunks(ctx, uploadID); err != nil {
		return fmt.Errorf("dropping the counted results: %w", err)
	}
	crash.After(crash.SpoolDelete)
	return nil
}

// writing is the writing of one upload's result files.
type writing struct {
	f       *Finisher
	upload  *bulk.Upload
	columns *customer.Columns
	streams []*stream
	files   map[bulk.Bucket]*resultFile
	dialect tabular.Dialect
	header  [][]byte
	samples samples
}

func newWriting(f *Finisher, u *bulk.Upload) *writing {
	w := &writing{f: f, upload: u, files: map[bulk.Bucket]*resultFile{}}
	for source := range u.SourceCount() {
		w.streams = append(w.streams, &stream{store: f.o.Store, codec: f.o.Codec, upload: u.ID, source: int32(source)})
	}
	return w
}

func (w *writing) has(b bulk.Bucket) bool { return w.files[b] != nil }

// rows reads the spool again and gives each row to the file of its bucket.
func (w *writing) rows(ctx context.Context) error {
	spool, err := w.f.o.Files.Open(ctx, bulk.SpoolName(w.upload.ID), 0)
	if err != nil {
		return fmt.Errorf("opening the spool: %w", err)
	}
	defer spool.Close() //nolint:errcheck // only read from
	table, err := tabular.NewReader(spool, w.f.o.Limits)
	if err != nil {
		return fmt.Errorf("reading the spool: %w", err)
	}
	header := table.Header()
	if w.columns, err = customer.ParseHeader(header.Names); err != nil {
		return fmt.Errorf("reading the spool's header: %w", err)
	}
	w.dialect = header.Dialect
	for _, name := range header.Names {
		w.header = append(w.header, []byte(name))
	}
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the spool: %w", err)
		}
		result, err := w.result(ctx, row.Number)
		if err != nil {
			return err
		}
		if err := w.row(ctx, row, result); err != nil {
			return err
		}
	}
	for _, b := range []bulk.Bucket{bulk.BucketSuccess, bulk.BucketFailure, bulk.BucketUnprocessed} {
		if file := w.files[b]; file != nil {
			crash.Before(crash.FinishFile)
			if err := file.commit(); err != nil {
				return fmt.Errorf("storing the %s file: %w", b, err)
			}
			crash.After(crash.FinishFile)
		}
	}
	return nil
}

// result returns the result of a row: the head of one of the streams, which are
// in row order each and hold every row once.
func (w *writing) result(ctx context.Context, row int64) (*bulk.Result, error) {
	for _, s := range w.streams {
		head, err := s.head(ctx)
		if err != nil {
			return nil, err
		}
		if head != nil && head.Row == row {
			s.pop()
			return head, nil
		}
	}
	return nil, fmt.Errorf("row %d of upload %s has no result among the counted ones", row, w.upload.ID)
}

// row writes one row with its result.
func (w *writing) row(ctx context.Context, row *tabular.Row, result *bulk.Result) error {
	bucket := result.Status.Bucket()
	file := w.files[bucket]
	if file == nil {
		out, err := w.f.o.Files.Create(ctx, bulk.ResultName(w.upload.ID, bucket))
		if err != nil {
			return fmt.Errorf("creating the %s file: %w", bucket, err)
		}
		file = newResultFile(out, w.dialect, w.columns, bucket)
		w.files[bucket] = file
		if err := file.writeHeader(w.header); err != nil {
			return err
		}
	}
	w.samples.add(w.columns, row, result)
	return file.write(row, result)
}

// abort leaves no half-written file behind; committed ones stay.
func (w *writing) abort() {
	for b, file := range w.files {
		if err := file.out.Abort(); err != nil {
			w.f.o.Logger.Warn("cannot remove a half-written result file", "upload_id", w.upload.ID, "bucket", b, "err", err)
		}
	}
}

// stream is the results of one source in row order, read a page at a time.
type stream struct {
	store  bulk.FinishStore
	codec  *event.Codec
	upload string
	source int32

	page    []bulk.ResultChunk
	after   int64
	batch   bulk.ResultBatch
	buf     []byte
	results []bulk.Result
	isEnd   bool
}

// pageChunks is how many chunks are read at once; one holds the results of a batch of apply.
const pageChunks = 4

// head returns the next result, nil at the end. It is valid until the head after
// the next pop.
func (s *stream) head(ctx context.Context) (*bulk.Result, error) {
	for len(s.results) == 0 {
		if s.isEnd {
			return nil, nil //nolint:nilnil // the end is no error and has no result
		}
		if err := s.next(ctx); err != nil {
			return nil, err
		}
	}
	return &s.results[0], nil
}

func (s *stream) pop() { s.results = s.results[1:] }

// next decodes the next chunk.
func (s *stream) next(ctx context.Context) error {
	if len(s.page) == 0 {
		page, err := s.store.Chunks(ctx, s.upload, s.source, s.after, pageChunks)
		if err != nil {
			return fmt.Errorf("reading the results of source %d: %w", s.source, err)
		}
		if len(page) == 0 {
			s.isEnd = true
			return nil
		}
		s.page = page
	}
	c := s.page[0]
	s.page, s.after = s.page[1:], c.Last
	var err error
	if s.buf, err = event.Decompress(s.buf[:0], c.Body); err != nil {
		return fmt.Errorf("unpacking the results of source %d to row %d: %w", s.source, c.Last, err)
	}
	if err := s.codec.DecodeResults(s.buf, &s.batch); err != nil {
		return fmt.Errorf("decoding the results of source %d to row %d: %w", s.source, c.Last, err)
	}
	first := slices.IndexFunc(s.batch.Results, func(r bulk.Result) bool { return r.Row > c.After })
	if first < 0 {
		first = len(s.batch.Results)
	}
	s.results = s.batch.Results[first:]
	return nil
}
