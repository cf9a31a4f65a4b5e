package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/internal/crash"
)

const rollbackTimeout = 5 * time.Second

// write runs fn in a transaction; when it returns nil, all that fn wrote is
// durable. fn may run more than once. A step that is not empty has a crash point
// before and after the commit.
func (s *Store) write(ctx context.Context, step crash.Step, fn func(tx pgx.Tx) error) error {
	return s.again(ctx, func() error { return s.writeOnce(ctx, step, fn) })
}

func (s *Store) writeOnce(ctx context.Context, step crash.Step, fn func(tx pgx.Tx) error) (err error) {
	tx, err := s.general.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer s.rollback(ctx, tx)
	if err := fn(tx); err != nil {
		return err
	}
	if step != "" {
		crash.Before(step)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if step != "" {
		crash.After(step)
	}
	return nil
}

// rollback ends a transaction that was not committed; the pool closes a
// connection on which even that fails.
func (s *Store) rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// list reads rows of one statement.
func list[T any](ctx context.Context, q querier, scan func(pgx.CollectableRow) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, text, args...)
	if err != nil {
		return nil, wrap(err)
	}
	found, err := pgx.CollectRows(rows, scan)
	return found, wrap(err)
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
