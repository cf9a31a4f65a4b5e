//go:build servers

package interop_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Uploads of each series and of each block of it. The series take turns, so that
// whatever else the machine does falls on both.
const (
	seriesUploads = 100
	blockUploads  = 20
)

// An analytics store that is away delays dashboards and nothing else.
func TestUploadsDoNotWaitForClickHouse(t *testing.T) {
	w := newWorld(t, embedded(t))
	p := w.process("sluice")
	p.Start()
	w.send(p, creates(t, companyA, 100))
	w.block(p, 1) // caches and connections
	w.agree(p)

	var up, down []time.Duration
	for len(down) < seriesUploads {
		b0 := time.Now()
		up = append(up, w.block(p, len(w.uploads))...)
		b1 := time.Now()
		if err := w.clickhouse.Stop(); err != nil {
			t.Fatal(err)
		}
		b2 := time.Now()
		down = append(down, w.block(p, len(w.uploads))...)
		b3 := time.Now()
		w.startClickHouse()
		b4 := time.Now()
		w.caughtUp(p)
		t.Log("up", b1.Sub(b0), "stop", b2.Sub(b1), "down", b3.Sub(b2), "start", b4.Sub(b3), "caught up", time.Since(b4))
	}
	with, without := quantile(up, 0.99), quantile(down, 0.99)
	t.Logf("answered, ClickHouse running: p50 %v p99 %v; stopped: p50 %v p99 %v; p99 %.2f times",
		quantile(up, 0.5), with, quantile(down, 0.5), without, float64(without)/float64(with))
	if float64(without) > 1.2*float64(with) {
		t.Errorf("p99 of %d uploads is %v with ClickHouse stopped and %v with it running, want at most 1.2 times", len(down), without, with)
	}
	w.agree(p)
	t.Log(p.log.tail())
}

// block sends small uploads one after the other and returns how long each took.
func (w *world) block(p *process, salt int) []time.Duration {
	w.t.Helper()
	var took []time.Duration
	for i := range blockUploads {
		f := updates(w.t, companyA, 100, 10, salt+i)
		began := time.Now()
		w.send(p, f)
		took = append(took, time.Since(began))
	}
	return took
}

// caughtUp waits until ClickHouse has every upload.
func (w *world) caughtUp(p *process) {
	w.t.Helper()
	eventually(w.t, settleTimeout, 50*time.Millisecond, func() error {
		got, err := w.counts.Totals(w.t.Context())
		if err == nil && got.Uploads != int64(len(w.uploads)) {
			err = fmt.Errorf("ClickHouse has %d uploads of %d", got.Uploads, len(w.uploads))
		}
		return err
	})
}

// quantile of a series, by the nearest rank.
func quantile(series []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(series))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
