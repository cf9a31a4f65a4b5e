package blob

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	cloud "gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

const (
	// writeBufferBytes joins small writes; larger ones pass straight through.
	writeBufferBytes = 64 << 10
	// s3PartBytes times S3's 10,000 parts allows 80 GB an object; two parts at a
	// time bound a writer's memory to about three of them.
	s3PartBytes    = 8 << 20
	s3PartsAtOnce  = 2
	createAttempts = 5
)

var errFinished = errors.New("writer already committed or aborted")

// Writer streams one object. It belongs to one goroutine. Memory is bounded
// whatever the object's size: one buffer for a folder, a few parts for S3.
//
// Exactly one of Commit and Abort ends it; Abort after Commit does nothing, so
// `defer w.Abort()` is the usual guard.
type Writer struct {
	store *Store
	name  string

	cancel   context.CancelFunc
	cloud    *cloud.Writer
	file     *os.File // the temporary file; nil for a bucket
	buffer   *bufio.Writer
	size     int64
	finished bool
}

// Create begins the object name; one that exists under it is replaced at Commit
// and readable until then. Cancelling ctx before Commit aborts the writer.
func (s *Store) Create(ctx context.Context, name string) (*Writer, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if s.root == "" {
		w, err := s.begin(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("create %s: %w", name, translate(err))
		}
		return w, nil
	}
	w, err := s.createFile(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, noSpace(err))
	}
	return w, nil
}

// createFile begins a local object. Its folder may be pruned by a Delete, and
// its temporary file taken by a Clean, in the instant before they are in use:
// then it begins again.
func (s *Store) createFile(ctx context.Context, name string) (*Writer, error) {
	folder := filepath.Dir(filepath.Join(s.root, filepath.FromSlash(name)))
	for attempt := 1; ; attempt++ {
		err := mkdirDurable(folder, s.syncDir)
		if err != nil {
			return nil, err
		}
		w, err := s.begin(ctx, name)
		if err == nil {
			err = claim(w.file)
			if err == nil {
				return w, nil
			}
			w.Abort()
		}
		isLostRace := gcerrors.Code(err) == gcerrors.NotFound || errors.Is(err, errCleaned)
		if !isLostRace || attempt == createAttempts {
			return nil, err
		}
	}
}

func (s *Store) begin(ctx context.Context, name string) (*Writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{store: s, name: name, cancel: cancel}
	options := &cloud.WriterOptions{
		BufferSize:     s3PartBytes,
		MaxConcurrency: s3PartsAtOnce,
		// A given type keeps the library from holding back the first 512 bytes.
		ContentType: "application/octet-stream",
	}
	if s.root != "" {
		options.BeforeWrite = func(as func(any) bool) error {
			if !as(&w.file) {
				return errors.New("the folder's driver gave no file")
			}
			return nil
		}
	}
	var err error
	w.cloud, err = s.bucket.NewWriter(ctx, name, options)
	if err != nil {
		cancel()
		return nil, err
	}
	w.buffer = bufio.NewWriterSize(w.cloud, writeBufferBytes)
	return w, nil
}

// Write adds p to the object. Nothing is durable or visible before Commit.
func (w *Writer) Write(p []byte) (int, error) {
	if w.finished {
		return 0, fmt.Errorf("write %s: %w", w.name, errFinished)
	}
	n, err := w.buffer.Write(p)
	w.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("write %s: %w", w.name, translate(err))
	}
	return n, nil
}

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return w.size }

// Commit makes the object appear whole under its name, durably: when it returns
// nil the object outlives a power cut. On an error nothing new stays behind (an
// older object of that name may be gone too) and the writer is finished.
//
// For a folder the bytes are synced before the rename and the folder after it. A
// failed sync is never tried again on the same file: the kernel may have dropped
// the dirty pages, and the second call would report success for lost bytes.
func (w *Writer) Commit() error {
	if w.finished {
		return fmt.Errorf("commit %s: %w", w.name, errFinished)
	}
	if err := w.commit(); err != nil {
		return fmt.Errorf("commit %s: %w", w.name, translate(err))
	}
	return nil
}

func (w *Writer) commit() error {
	if err := w.buffer.Flush(); err != nil {
		w.Abort()
		return err
	}
	if w.file != nil {
		if err := w.store.syncFile(w.file); err != nil {
			w.Abort()
			return fmt.Errorf("sync: %w", err)
		}
	}
	w.finished = true
	defer w.cancel()
	if err := w.cloud.Close(); err != nil {
		return err
	}
	if w.file == nil {
		return nil
	}
	path := filepath.Join(w.store.root, filepath.FromSlash(w.name))
	if err := w.store.syncDir(filepath.Dir(path)); err != nil {
		// Whether the rename lasts is unknown: better no object than a doubtful one.
		return errors.Join(fmt.Errorf("sync folder: %w", err), os.Remove(path))
	}
	return nil
}

// Abort drops what was written; no object appears and no temporary file stays.
func (w *Writer) Abort() {
	if w.finished {
		return
	}
	w.finished = true
	w.cancel() // a cancelled writer's Close removes instead of renaming
	_ = w.cloud.Close()
}
