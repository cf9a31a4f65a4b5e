package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// carefulWrite is a batch that looked refused: its transaction stays open while
// it is narrowed down to the customers that are to blame.
type carefulWrite struct {
	store   *Store
	conn    *pgx.Conn
	attempt *attempt
	refused []bulk.RefusedCustomer
}

// writeCarefully is writeBatch in many trips. It takes away every reference that
// changes, writes the customers under savepoints, and rolls back with a
// *bulk.RefusedError when some are refused.
func (s *Store) writeCarefully(ctx context.Context, a *attempt, b *bulk.ApplyBatch, w *bulk.ApplyWrite) error {
	pooled, err := s.batches.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("wait for a connection: %w", err)
	}
	defer pooled.Release()
	tx, err := pooled.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer s.rollback(ctx, tx)
	c := &carefulWrite{store: s, conn: pooled.Conn(), attempt: a}
	if err := c.write(ctx, b, w); err != nil {
		return err
	}
	crash.Before(crash.ApplyCommit)
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	crash.After(crash.ApplyCommit)
	return nil
}

func (c *carefulWrite) write(ctx context.Context, b *bulk.ApplyBatch, w *bulk.ApplyWrite) error {
	for _, st := range beginBatch(c.attempt, b, w) {
		if err := c.run(ctx, st); err != nil {
			return err
		}
	}
	if err := c.clearRefs(ctx, w.Customers); err != nil {
		return err
	}
	writes := make([]*bulk.CustomerWrite, len(w.Customers))
	for i := range w.Customers {
		writes[i] = &w.Customers[i]
	}
	if err := c.writeHalves(ctx, writes); err != nil {
		return err
	}
	if len(c.refused) > 0 {
		return &bulk.RefusedError{Customers: c.refused}
	}
	for _, st := range endBatch(b, w) {
		if err := c.run(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// run executes a statement inside the transaction.
func (c *carefulWrite) run(ctx context.Context, st statement) error {
	prepared, err := c.conn.Prepare(ctx, st.text, st.text)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	params, err := encodeArgs(c.conn, prepared, st.args)
	if err != nil {
		return err
	}
	return c.conn.PgConn().ExecPrepared(ctx, prepared.Name, params, []int16{pgtype.BinaryFormatCode}, nil).Read().Err
}

// clearRefs takes away the references that change, so that they can move
// between customers in any order.
func (c *carefulWrite) clearRefs(ctx context.Context, writes []bulk.CustomerWrite) error {
	var companies, customers []string
	for _, w := range sorted(writes) {
		if w.OldVersion > 0 && w.RefChanged {
			companies, customers = append(companies, w.Company), append(customers, w.CustomerID)
		}
	}
	if len(companies) == 0 {
		return nil
	}
	return c.run(ctx, statement{c.store.texts.clearRefs, []any{companies, customers}})
}

// writeHalves writes under a savepoint and halves what is refused until single
// customers are left.
func (c *carefulWrite) writeHalves(ctx context.Context, writes []*bulk.CustomerWrite) error {
	if len(writes) == 0 {
		return nil
	}
	err := c.underSavepoint(ctx, func() error { return c.writeAll(ctx, writes) })
	switch {
	case err == nil:
		return nil
	case isPassing(err) || !isRefusal(err):
		return err
	case len(writes) == 1:
		c.refused = append(c.refused, describe(writes[0], err))
		return nil
	}
	half := len(writes) / 2
	if err := c.writeHalves(ctx, writes[:half]); err != nil {
		return err
	}
	return c.writeHalves(ctx, writes[half:])
}

func (c *carefulWrite) writeAll(ctx context.Context, writes []*bulk.CustomerWrite) error {
	a, texts := c.attempt, &c.store.texts
	if err := a.split(c.store.codec, writes); err != nil {
		return err
	}
	if a.updates.n > 0 {
		if err := c.run(ctx, texts.updateKeys(&a.updates)); err != nil {
			return err
		}
	}
	if a.inserts.n > 0 {
		return c.run(ctx, texts.insert(&a.inserts))
	}
	return nil
}

func (c *carefulWrite) underSavepoint(ctx context.Context, fn func() error) error {
	if _, err := c.conn.Exec(ctx, "SAVEPOINT part"); err != nil {
		return fmt.Errorf("begin a part: %w", err)
	}
	err := fn()
	if err != nil {
		if _, rollbackErr := c.conn.Exec(ctx, "ROLLBACK TO part"); rollbackErr != nil {
			return fmt.Errorf("take back a part: %w", rollbackErr)
		}
	}
	if _, releaseErr := c.conn.Exec(ctx, "RELEASE part"); releaseErr != nil {
		return fmt.Errorf("end a part: %w", releaseErr)
	}
	return err
}

// describe says why in words without any value of the customer: those stand in
// the detail of an error, never in its message.
func describe(w *bulk.CustomerWrite, err error) bulk.RefusedCustomer {
	e := pgError(err)
	return bulk.RefusedCustomer{
		Company: w.Company, CustomerID: w.CustomerID,
		IsDuplicateRef: e.Code == stateUnique && e.ConstraintName == constraintRef,
		Reason:         e.Code + ": " + e.Message,
	}
}
