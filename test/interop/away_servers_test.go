//go:build servers

package interop_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

const (
	seriesUploads = 100
	blockUploads  = 50
	// A wait for ClickHouse would show in every attempt; what else the machine does
	// meanwhile may hit one series and not the other, now and then.
	seriesAttempts = 3
	mostSlower     = 1.2
)

// An analytics store that is away delays dashboards and nothing else: p99 of 100
// small uploads is at most 1.2 times that with ClickHouse running, in one of
// three attempts at least.
func TestUploadsDoNotWaitForClickHouse(t *testing.T) {
	w := newWorld(t, embedded(t))
	p := w.process("sluice")
	p.Start()
	w.send(p, creates(t, companyA, 100))
	w.block(p) // caches and connections
	w.caughtUp()
	var with, without time.Duration
	for range seriesAttempts {
		running, stopped := w.series(p)
		with, without = quantile(running, 0.99), quantile(stopped, 0.99)
		t.Logf("ClickHouse running: p50 %v, p99 %v; stopped: p50 %v, p99 %v; p99 %.2f times",
			quantile(running, 0.5), with, quantile(stopped, 0.5), without, float64(without)/float64(with))
		if float64(without) <= mostSlower*float64(with) {
			break
		}
	}
	if float64(without) > mostSlower*float64(with) {
		t.Errorf("p99 of %d uploads is %v with ClickHouse stopped and %v with it running, want at most %.1f times", seriesUploads, without, with, mostSlower)
	}
	w.agree(p)
}

// series returns how long uploads took with ClickHouse running and stopped. The
// two take turns in blocks, so that whatever else the machine does falls on both;
// a block with ClickHouse running begins when it has caught up.
func (w *world) series(p *process) (running, stopped []time.Duration) {
	w.t.Helper()
	for len(stopped) < seriesUploads {
		running = append(running, w.block(p)...)
		if err := w.clickhouse.Kill(); err != nil {
			w.t.Fatal(err)
		}
		stopped = append(stopped, w.block(p)...)
		w.startClickHouse()
		w.caughtUp()
	}
	return running, stopped
}

// block sends small uploads one after the other and returns how long each took.
func (w *world) block(p *process) []time.Duration {
	w.t.Helper()
	salt := len(w.uploads)
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
func (w *world) caughtUp() {
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
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
