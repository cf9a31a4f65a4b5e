package storetest

import (
	"sync"
	"testing"

	"sluice/internal/bulk"
)

func smallChecks() []check {
	return []check{
		{"setting_keeps_its_first_value", settings},
		{"analytics_block_is_recorded_then_confirmed", analyticsBlocks},
	}
}

func settings(t *testing.T, s Store) {
	const calls = 6
	var wg sync.WaitGroup
	values, errs := make([]string, calls), make([]error, calls)
	for i := range calls {
		wg.Go(func() {
			v, err := s.Setting(t.Context(), "key", []byte{byte(i), 0, 255})
			values[i], errs[i] = string(v), err
		})
	}
	wg.Wait()
	for i := range calls {
		must(t, errs[i])
		equal(t, "value", values[i], values[0])
	}
	other, err := s.Setting(t.Context(), "other", []byte("x"))
	must(t, err)
	equal(t, "other value", string(other), "x")
}

func analyticsBlocks(t *testing.T, s Store) {
	type block struct {
		from, to int64
		done, ok bool
	}
	want := func(source bulk.Source, want block) {
		t.Helper()
		var got block
		var err error
		got.from, got.to, got.done, got.ok, err = s.AnalyticsBlock(t.Context(), source)
		must(t, err)
		equal(t, "block", got, want)
	}
	x, y := results(0), results(1)
	want(x, block{})
	must(t, s.RecordBlock(t.Context(), x, 0, 100))
	must(t, s.RecordBlock(t.Context(), y, 5, 6))
	want(x, block{from: 0, to: 100, ok: true})
	must(t, s.ConfirmBlock(t.Context(), x, 0, 100))
	want(x, block{from: 0, to: 100, done: true, ok: true})
	must(t, s.RecordBlock(t.Context(), x, 100, 150))
	want(x, block{from: 100, to: 150, ok: true})
	wantErr(t, s.ConfirmBlock(t.Context(), x, 0, 100), bulk.ErrMoved)
	want(x, block{from: 100, to: 150, ok: true})
	want(y, block{from: 5, to: 6, ok: true})
}
