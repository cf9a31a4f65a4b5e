package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// WithHash makes customers meet in slots as a test wants.
func WithHash(o Options, hash func(string) uint64) Options {
	o.hash = hash
	return o
}

// WithWALFrames sets how many pages of the WAL are written back together.
func WithWALFrames(o Options, frames int) Options {
	o.walFrames = frames
	return o
}

// WALFrames returns how many pages of the WAL are not written back yet.
func (s *Store) WALFrames(ctx context.Context) (left int, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		left, err = walFrames(c, "NOOP")
		return err
	})
	return left, err
}

// Pragma reads a number from the writing connection.
func (s *Store) Pragma(ctx context.Context, name string) (n int64, err error) {
	err = s.write(ctx, func(c *sqlite.Conn) error {
		_, err := query(c, "PRAGMA "+name, func(st *sqlite.Stmt) error {
			n = st.ColumnInt64(0)
			return nil
		})
		return err
	})
	return n, err
}
