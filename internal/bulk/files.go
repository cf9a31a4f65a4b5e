package bulk

import (
	"context"
	"io"
)

// FileWriter writes one file that appears whole or not at all.
type FileWriter interface {
	io.Writer
	// Commit makes the file appear under its name; it is durable when Commit returns nil.
	Commit() error
	// Abort leaves nothing behind. Safe after Commit, where it does nothing.
	Abort() error
}

// Files is the file store: the spool and the result files. Safe for concurrent use.
type Files interface {
	// Create begins a file; an existing one of that name is replaced at Commit.
	Create(ctx context.Context, name string) (FileWriter, error)
	// Open reads a file from a byte offset on; ErrNotFound.
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error)
	// Size returns the bytes of a file; ErrNotFound.
	Size(ctx context.Context, name string) (int64, error)
	// Delete removes a file; an absent one is no error.
	Delete(ctx context.Context, name string) error
}
