package bulktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"sluice/internal/bulk"
)

// Files is a bulk.Files in memory. A file appears at Commit and is then never
// changed in place. Safe for concurrent use.
type Files struct {
	// Room is how many bytes may still be written, all files together; a write
	// past it fails with bulk.ErrNoSpace. Negative: no limit.
	Room int64
	// Fail, if not nil, is asked before each operation ("create", "write",
	// "commit", "open", "size", "delete"); its error is the operation's.
	Fail func(op, name string) error

	mu      sync.Mutex
	content map[string][]byte
	writing int // writers neither committed nor aborted
}

// NewFiles returns an empty store without a limit.
func NewFiles() *Files { return &Files{Room: -1, content: map[string][]byte{}} }

// Names lists the files in order.
func (f *Files) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.content))
}

// Content returns a file; nil when there is none.
func (f *Files) Content(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.content[name]
}

// Put stores a file.
func (f *Files) Put(name string, content []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.content[name] = bytes.Clone(content)
}

// Writing counts the writers that were neither committed nor aborted.
func (f *Files) Writing() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writing
}

func (f *Files) fail(op, name string) error {
	if f.Fail == nil {
		return nil
	}
	return f.Fail(op, name)
}

// Create implements bulk.Files.
func (f *Files) Create(_ context.Context, name string) (bulk.FileWriter, error) {
	if err := f.fail("create", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing++
	return &fileWriter{files: f, name: name}, nil
}

// Open implements bulk.Files.
func (f *Files) Open(_ context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := f.fail("open", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	content, ok := f.content[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, bulk.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(content[min(offset, int64(len(content))):])), nil
}

// Size implements bulk.Files.
func (f *Files) Size(_ context.Context, name string) (int64, error) {
	if err := f.fail("size", name); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	content, ok := f.content[name]
	if !ok {
		return 0, fmt.Errorf("size of %s: %w", name, bulk.ErrNotFound)
	}
	return int64(len(content)), nil
}

// Delete implements bulk.Files.
func (f *Files) Delete(_ context.Context, name string) error {
	if err := f.fail("delete", name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.content, name)
	return nil
}

var errEnded = errors.New("file writer was ended")

// fileWriter writes one file of Files.
type fileWriter struct {
	files   *Files
	name    string
	content []byte
	isEnded bool
}

// Write implements io.Writer.
func (w *fileWriter) Write(p []byte) (int, error) {
	if err := w.files.fail("write", w.name); err != nil {
		return 0, err
	}
	w.files.mu.Lock()
	defer w.files.mu.Unlock()
	switch room := w.files.Room; {
	case w.isEnded:
		return 0, errEnded
	case room >= 0 && int64(len(p)) > room:
		return 0, fmt.Errorf("write %s: %w", w.name, bulk.ErrNoSpace)
	case room >= 0:
		w.files.Room -= int64(len(p))
	}
	w.content = append(w.content, p...)
	return len(p), nil
}

// Commit implements bulk.FileWriter.
func (w *fileWriter) Commit() error {
	if err := w.files.fail("commit", w.name); err != nil {
		return err
	}
	w.files.mu.Lock()
	defer w.files.mu.Unlock()
	if w.isEnded {
		return errEnded
	}
	w.isEnded = true
	w.files.writing--
	w.files.content[w.name] = w.content
	return nil
}

// Abort implements bulk.FileWriter.
func (w *fileWriter) Abort() error {
	w.files.mu.Lock()
	defer w.files.mu.Unlock()
	if !w.isEnded {
		w.isEnded = true
		w.files.writing--
	}
	return nil
}
