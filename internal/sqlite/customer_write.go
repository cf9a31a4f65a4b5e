package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
)

// refusal is an error of the store that will come again however often the
// customer is written.
type refusal struct{ err error }

func (r *refusal) Error() string { return "customer is refused: " + r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// target is where one customer is written.
type target struct {
	id int64
	w  *bulk.CustomerWrite
}

// targets finds the row of each write, or the slot where a new one begins.
func (s *Store) targets(writes []bulk.CustomerWrite) ([]target, error) {
	a := &s.writer.scratch
	to := make([]target, len(writes))
	for i := range writes {
		w := &writes[i]
		to[i].w = w
		switch {
		case w.OldVersion == 0:
			to[i].id = s.slot(w.Company, w.CustomerID)
		case w.Found < 0 || w.Found >= len(a.found) || a.found[w.Found].Version != w.OldVersion:
			return nil, fmt.Errorf("write of customer %d was not found at version %d by this batch", i, w.OldVersion)
		default:
			to[i].id = a.ids[w.Found]
		}
	}
	return to, nil
}

// writeCustomers writes all customers in the order of their pages, the fast way
// that ends with a *refusal at the first one the store does not take. A uniqueRefNo
// that moves from one customer of the batch to another can look refused here:
// writeCarefully decides.
func (s *Store) writeCustomers(writes []bulk.CustomerWrite) error {
	to, err := s.targets(writes)
	if err != nil {
		return err
	}
	slices.SortFunc(to, func(x, y target) int { return cmp.Compare(x.id, y.id) })
	for i := range to {
		if err := s.writeCustomer(&to[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeCarefully writes the customers in the order given, after taking away
// every reference that changes, and returns a *bulk.RefusedError with all that
// the store refuses. The caller rolls back if it does.
func (s *Store) writeCarefully(writes []bulk.CustomerWrite) error {
	to, err := s.targets(writes)
	if err != nil {
		return err
	}
	clearRef := s.writer.customers.clearRef
	for i := range to {
		if to[i].w.OldVersion == 0 || !to[i].w.RefChanged {
			continue
		}
		clearRef.BindInt64(1, to[i].id)
		if err := run(clearRef); err != nil {
			return fmt.Errorf("clear a reference: %w", err)
		}
	}
	var refused []bulk.RefusedCustomer
	if err := s.writeHalves(to, &refused); err != nil {
		return err
	}
	if len(refused) > 0 {
		return &bulk.RefusedError{Customers: refused}
	}
	return nil
}

// writeHalves writes under a savepoint and halves what is refused until single
// customers are left.
func (s *Store) writeHalves(to []target, refused *[]bulk.RefusedCustomer) error {
	if len(to) == 0 {
		return nil
	}
	err := s.underSavepoint(func() error {
		for i := range to {
			if err := s.writeCustomer(&to[i]); err != nil {
				return err
			}
		}
		return nil
	})
	var r *refusal
	switch {
	case !errors.As(err, &r):
		return err
	case len(to) == 1:
		*refused = append(*refused, describe(to[0].w, r.err))
		return nil
	}
	if err := s.writeHalves(to[:len(to)/2], refused); err != nil {
		return err
	}
	return s.writeHalves(to[len(to)/2:], refused)
}

func (s *Store) underSavepoint(fn func() error) error {
	c := s.writer.conn
	if _, err := change(c, "SAVEPOINT part"); err != nil {
		return fmt.Errorf("begin a part: %w", err)
	}
	err := fn()
	if err != nil {
		if _, rollbackErr := change(c, "ROLLBACK TO part"); rollbackErr != nil {
			return fmt.Errorf("take back a part: %w", rollbackErr)
		}
	}
	if _, releaseErr := change(c, "RELEASE part"); releaseErr != nil {
		return fmt.Errorf("end a part: %w", releaseErr)
	}
	return err
}

// describe says why in words without any value of the customer.
func describe(w *bulk.CustomerWrite, err error) bulk.RefusedCustomer {
	r := bulk.RefusedCustomer{Company: w.Company, CustomerID: w.CustomerID, Reason: err.Error()}
	if sqlite.ErrCode(err) == sqlite.ResultConstraintUnique {
		// Partial and plain indexes are named by their columns in the message.
		r.IsDuplicateRef = strings.Contains(r.Reason, "customer.ref")
	}
	return r
}

func isRefusal(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultConstraint, sqlite.ResultTooBig:
		return true
	default:
		return false
	}
}

// writeCustomer writes one customer; a *refusal if the store never takes it.
func (s *Store) writeCustomer(t *target) error {
	var err error
	if t.w.OldVersion == 0 {
		err = s.insertCustomer(t)
	} else {
		err = s.updateCustomer(t)
	}
	switch {
	case err == nil:
		return nil
	case isRefusal(err):
		return &refusal{err: err}
	default:
		return fmt.Errorf("write a customer: %w", err)
	}
}

// insertCustomer takes the first free slot from the customer's own on.
func (s *Store) insertCustomer(t *target) error {
	st, w := s.writer.customers.insert, t.w
	for id := t.id; ; id = nextSlot(id) {
		st.BindInt64(1, id)
		st.BindInt64(2, w.Version)
		st.BindBytes(3, w.Doc)
		bindText(st, 4, w.Ref)
		bindText(st, 5, w.Name)
		st.BindText(6, w.Company)
		st.BindText(7, w.CustomerID)
		err := run(st)
		if sqlite.ErrCode(err) != sqlite.ResultConstraintPrimaryKey {
			return err
		}
	}
}

// updateCustomer leaves out columns that stay, which spares their indexes.
func (s *Store) updateCustomer(t *target) error {
	p, w := &s.writer.customers, t.w
	st := p.update
	switch {
	case w.RefChanged && w.NameChanged:
		st = p.updateRefName
		bindText(st, 4, w.Ref)
		bindText(st, 5, w.Name)
	case w.RefChanged:
		st = p.updateRef
		bindText(st, 4, w.Ref)
	case w.NameChanged:
		st = p.updateName
		bindText(st, 4, w.Name)
	}
	st.BindInt64(1, t.id)
	st.BindInt64(2, w.Version)
	st.BindBytes(3, w.Doc)
	return run(st)
}

// bindText binds an empty text as null.
func bindText(st *sqlite.Stmt, param int, text string) {
	if text == "" {
		st.BindNull(param)
		return
	}
	st.BindText(param, text)
}
