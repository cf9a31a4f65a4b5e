package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"sluice/internal/bulk"
)

// The pragmas were chosen by measuring 2,000-row batches over a million
// customers; what counts is page I/O.
const (
	commonPragmas = `PRAGMA busy_timeout=10000; PRAGMA foreign_keys=OFF;`
	// The writer checkpoints by itself only when the checkpointer falls far behind.
	writePragmas      = commonPragmas + `PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=160000`
	readPragmas       = commonPragmas + `PRAGMA cache_size=-2048; PRAGMA query_only=ON`
	checkpointPragmas = commonPragmas + `PRAGMA synchronous=FULL; PRAGMA cache_size=-64; PRAGMA wal_autocheckpoint=0`
)

var errClosed = errors.New("store is closed")

func openConn(path string, flags sqlite.OpenFlags, pragmas string) (*sqlite.Conn, error) {
	c, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := setPragmas(c, pragmas); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func setPragmas(c *sqlite.Conn, pragmas string) error {
	for pragma := range strings.SplitSeq(pragmas, ";") {
		if err := sqlitex.ExecuteTransient(c, pragma, nil); err != nil {
			return fmt.Errorf("set pragmas: %w", err)
		}
	}
	return nil
}

// query runs a statement kept prepared on c and calls fn for each row; fn may
// be nil. It returns the number of rows.
func query(c *sqlite.Conn, text string, fn func(*sqlite.Stmt) error, args ...any) (int, error) {
	rows := 0
	err := sqlitex.Execute(c, text, &sqlitex.ExecOptions{Args: args, ResultFunc: func(st *sqlite.Stmt) error {
		rows++
		if fn == nil {
			return nil
		}
		return fn(st)
	}})
	return rows, wrap(err)
}

// change runs a statement that writes and returns the number of rows it changed.
func change(c *sqlite.Conn, text string, args ...any) (int, error) {
	if err := sqlitex.Execute(c, text, &sqlitex.ExecOptions{Args: args}); err != nil {
		return 0, wrap(err)
	}
	return c.Changes(), nil
}

// wrap gives the errors that callers tell apart their names.
func wrap(err error) error {
	if err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultFull {
		return fmt.Errorf("%w: %w", bulk.ErrNoSpace, err)
	}
	return err
}

// blob reads a column into bytes of its own.
func blob(st *sqlite.Stmt, col int) []byte {
	b := make([]byte, st.ColumnLen(col))
	st.ColumnBytes(col, b)
	return b
}

// read runs fn on a reading connection. Each statement sees a snapshot.
func (s *Store) read(ctx context.Context, fn func(c *sqlite.Conn) error) error {
	c, err := s.readers.Take(ctx)
	if err != nil {
		return fmt.Errorf("wait for a connection: %w", err)
	}
	defer s.readers.Put(c)
	return fn(c)
}
