package apply_test

import (
	"context"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
)

// spied is a store that shows what is decided and may show decide something else
// than what is stored.
type spied struct {
	bulktest.FullStore
	lend   func(*bulk.ApplyView)
	decide func(*bulk.ApplyView, *bulk.ApplyWrite)
}

func (s *spied) Apply(ctx context.Context, b *bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error)) error {
	return s.FullStore.Apply(ctx, b, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		if s.lend != nil {
			s.lend(v)
		}
		w, err := decide(v)
		if err == nil && s.decide != nil {
			s.decide(v, w)
		}
		return w, err
	})
}

// spy shows fn every decision from now on.
func (r *rig) spy(fn func(*bulk.ApplyView, *bulk.ApplyWrite)) {
	r.store = &spied{FullStore: r.store, decide: fn}
}

// lend lets fn change what decide sees from now on.
func (r *rig) lend(fn func(*bulk.ApplyView)) { r.store = &spied{FullStore: r.store, lend: fn} }

// around has every call to the store go through fn from now on.
func (r *rig) around(fn func(ctx context.Context, op string, call func() error) error) *bulktest.Store {
	s := &bulktest.Store{Inner: r.store, Around: fn}
	r.store = s
	return s
}
