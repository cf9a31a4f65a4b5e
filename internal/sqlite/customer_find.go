package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
)

// arenaBytes is how much of a batch's documents is kept for the next batch.
const arenaBytes = 1 << 20

// applyScratch is memory that one batch after the other uses; it belongs to
// whoever has the turn to write.
type applyScratch struct {
	ids   []int64 // beside ApplyBatch.Keys: the row found, or the slot where it would begin
	order []int32 // indexes in the order in which pages are visited
	found []bulk.StoredCustomer
	arena []byte
}

// reset makes room for n keys.
func (a *applyScratch) reset(n int) {
	a.ids = slices.Grow(a.ids[:0], n)[:n]
	a.found = slices.Grow(a.found[:0], n)[:n]
	clear(a.found)
	if cap(a.arena) > arenaBytes {
		a.arena = nil
	}
	a.arena = a.arena[:0]
}

// column copies a column into the arena. What was given out before stays valid
// when the arena grows: it then goes on in a new block.
func (a *applyScratch) column(st *sqlite.Stmt, col int) []byte {
	n := st.ColumnLen(col)
	begin := len(a.arena)
	if cap(a.arena)-begin < n {
		a.arena = make([]byte, 0, max(arenaBytes, n))
		begin = 0
	}
	a.arena = a.arena[:begin+n]
	b := a.arena[begin : begin+n : begin+n]
	st.ColumnBytes(col, b)
	return b
}

// findCustomers reads what is stored under the keys, beside them. The result is
// valid until the next call.
func (s *Store) findCustomers(keys []bulk.CustomerKey) ([]bulk.StoredCustomer, error) {
	a := &s.writer.scratch
	a.reset(len(keys))
	a.order = a.order[:0]
	for i := range keys {
		if !keys[i].ByRef {
			a.ids[i] = s.slot(keys[i].Company, keys[i].Value)
			a.order = append(a.order, int32(i))
		}
	}
	slices.SortFunc(a.order, func(x, y int32) int { return cmp.Compare(a.ids[x], a.ids[y]) })
	for _, i := range a.order {
		if err := s.findByID(&keys[i], i); err != nil {
			return nil, fmt.Errorf("read a customer: %w", err)
		}
	}
	for i := range keys {
		if keys[i].ByRef {
			if err := s.findByRef(&keys[i], i); err != nil {
				return nil, fmt.Errorf("read a customer by reference: %w", err)
			}
		}
	}
	return a.found, nil
}

func (s *Store) findByID(key *bulk.CustomerKey, i int32) error {
	a, st := &s.writer.scratch, s.writer.customers.byID
	for id := a.ids[i]; ; id = nextSlot(id) {
		st.BindInt64(1, id)
		isThere, err := st.Step()
		if err != nil || !isThere {
			return errors.Join(wrap(err), st.Reset())
		}
		mark := len(a.arena)
		if string(a.column(st, 1)) == key.Company && string(a.column(st, 2)) == key.Value {
			a.arena = a.arena[:min(mark, len(a.arena))]
			a.ids[i] = id
			a.found[i] = bulk.StoredCustomer{CustomerID: key.Value, Version: st.ColumnInt64(0), Doc: a.column(st, 3)}
			return st.Reset()
		}
		if err := st.Reset(); err != nil {
			return err
		}
	}
}

func (s *Store) findByRef(key *bulk.CustomerKey, i int) error {
	a, st := &s.writer.scratch, s.writer.customers.byRef
	st.BindText(1, key.Company)
	st.BindText(2, key.Value)
	isThere, err := st.Step()
	if err == nil && isThere {
		a.ids[i] = st.ColumnInt64(0)
		a.found[i] = bulk.StoredCustomer{CustomerID: st.ColumnText(2), Version: st.ColumnInt64(1), Doc: a.column(st, 3)}
	}
	return errors.Join(wrap(err), st.Reset())
}
