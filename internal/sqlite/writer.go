package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/crash"
)

// writer is the one writing connection with the statements of the row path.
type writer struct {
	conn                    *sqlite.Conn
	begin, commit, rollback *sqlite.Stmt
	customers               customerStatements
	scratch                 applyScratch
}

func openWriter(path, pragmas string) (*writer, error) {
	c, err := openConn(path, sqlite.OpenReadWrite, pragmas)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: c}
	for text, to := range map[string]**sqlite.Stmt{
		"BEGIN IMMEDIATE": &w.begin, "COMMIT": &w.commit, "ROLLBACK": &w.rollback,
	} {
		if *to, err = c.Prepare(text); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare: %w", err), c.Close())
		}
	}
	if err := w.customers.prepare(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return w, nil
}

// run steps a statement that gives no rows and makes it ready again.
func run(st *sqlite.Stmt) error {
	_, err := st.Step()
	if resetErr := st.Reset(); err == nil {
		err = resetErr
	}
	return wrap(err)
}

// write runs fn in a transaction of its own on the writing connection; when it
// returns nil, all that fn wrote is durable, and otherwise none of it is there.
func (s *Store) write(ctx context.Context, fn func(c *sqlite.Conn) error) error {
	return s.writeAt(ctx, "", fn)
}

// writeAt is write with the step that the commit is; empty: none that is named.
func (s *Store) writeAt(ctx context.Context, step crash.Step, fn func(c *sqlite.Conn) error) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.giveTurn()
	return s.transact(step, fn)
}

func (s *Store) takeTurn(ctx context.Context) error {
	select {
	case <-s.closed:
		return errClosed
	default:
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-s.closed:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("wait for the turn to write: %w", ctx.Err())
	}
}

func (s *Store) giveTurn() { <-s.turn }

// transact runs one transaction. The caller has the turn.
func (s *Store) transact(step crash.Step, fn func(c *sqlite.Conn) error) error {
	w := s.writer
	if err := run(w.begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// Also when fn panics: the connection is never left inside a transaction.
	defer func() {
		if w.conn.AutocommitEnabled() {
			return
		}
		if rollbackErr := run(w.rollback); rollbackErr != nil {
			s.log.Error("cannot roll back", "err", rollbackErr)
		}
	}()
	if err := fn(w.conn); err != nil {
		return err
	}
	if step != "" {
		crash.Before(step)
	}
	if err := run(w.commit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if step != "" {
		crash.After(step)
	}
	s.wrote.Notify()
	return nil
}
