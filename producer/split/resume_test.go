package split_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/producer/split"
)

// doOnce does a claimed job without a lease of its own: no checkpoint is stored.
func (r *rig) doOnce(job *bulk.Job) error {
	o := r.options
	o.Store = r.store
	return split.New(o).Do(r.t.Context(), &bulk.Lease{Job: *job})
}

// isSame compares two readings byte for byte.
func isSame(a, b told) bool {
	return slices.EqualFunc(a.events, b.events, bytes.Equal) && slices.Equal(a.ends, b.ends) && a.total == b.total &&
		fmt.Sprint(a.results) == fmt.Sprint(b.results)
}

// TestResumedSplitMakesTheSameRecords: however often it is interrupted, wherever
// its publishes break and whoever goes on, the consumers are told the same.
func TestResumedSplitMakesTheSameRecords(t *testing.T) {
	const n = 5*split.BatchRows + 345
	file, repeats := rows(n), repeatsOf(n)
	var want told
	inBubble(t, func(_ *testing.T, r *rig) {
		r.accept(bulktest.Upload, file, repeats)
		r.splitAll()
		want = r.read(bulktest.Upload)
	})
	if len(want.rows)+len(want.results) != n || want.total != n {
		t.Fatalf("in one go: %d events, %d results, %d rows", len(want.rows), len(want.results), want.total)
	}
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				dice := bulktest.NewDice(seed)
				r.publish = func(ctx context.Context, records []bulk.Record) error {
					if dice.Chance(0.5) { // longer than a turn: the job yields
						bulktest.Rest(ctx, 3*time.Second)
					}
					return r.log.Publish(ctx, records)
				}
				r.log.Fault = func([]bulk.Record) bulktest.PublishFault {
					if dice.Chance(0.1) {
						return bulktest.Pick(dice, []bulktest.PublishFault{bulktest.PublishBefore, bulktest.PublishPartly, bulktest.PublishAfter})
					}
					return bulktest.PublishWell
				}
				r.accept(bulktest.Upload, file, repeats)
				for i := range 200 {
					_, end := r.work(fmt.Sprintf("process-%d", i))
					bulktest.Rest(t.Context(), dice.Duration(time.Second, 20*time.Second))
					end()
					if r.isEnded(bulktest.Upload) && dice.Chance(0.5) {
						break
					}
				}
				r.log.Fault = nil
				r.splitAll()
				if !isSame(r.read(bulktest.Upload), want) {
					t.Error("the records differ from those of one go")
				}
			})
		})
	}
}

// TestCheckpointsFollowTheLog: at every checkpoint all rows before it are on the
// log, and the split can be taken up there.
func TestCheckpointsFollowTheLog(t *testing.T) {
	const n = 4 * split.BatchRows
	file := rows(n)
	inBubble(t, func(t *testing.T, r *rig) {
		checkpoints := 0
		r.store = &bulktest.Store{Inner: r.store, Around: func(_ context.Context, op string, call func() error) error {
			if op == "checkpoint" {
				checkpoints++
				got := r.read(bulktest.Upload)
				if there := len(got.rows) + len(got.results); there != checkpoints*split.BatchRows {
					t.Errorf("checkpoint %d is stored and %d rows are on the log", checkpoints, there)
				}
			}
			return call()
		}}
		r.publish = func(ctx context.Context, records []bulk.Record) error {
			bulktest.Rest(ctx, 3*time.Second)
			return r.log.Publish(ctx, records)
		}
		r.accept(bulktest.Upload, file, nil)
		r.splitAll()
		if checkpoints != n/split.BatchRows {
			t.Errorf("%d checkpoints were stored", checkpoints)
		}
		if n := len(r.log.History(bulk.TopicUpdates)); n != len(r.read(bulktest.Upload).rows) {
			t.Errorf("%d events came, some of them twice", n)
		}
	})
}

// TestUploadsTakeTurns: a small upload does not wait for the end of a large one.
func TestUploadsTakeTurns(t *testing.T) {
	const large, small = bulktest.Upload, "01900000-0000-7000-8000-000000000002"
	inBubble(t, func(t *testing.T, r *rig) {
		r.publish = func(ctx context.Context, records []bulk.Record) error {
			bulktest.Rest(ctx, time.Second)
			return r.log.Publish(ctx, records)
		}
		o := r.options
		o.Store = r.store
		one := &bulk.JobRunner{
			Store: r.store, Kind: bulk.JobSplit, Owner: "one at a time", Parallel: 1, TTL: 3 * time.Second, Poll: 100 * time.Millisecond,
			Logger: bulktest.NoLog(), Do: split.New(o).Do,
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- one.Run(ctx) }()
		r.accept(large, rows(20*split.BatchRows), nil)
		bulktest.Rest(t.Context(), 500*time.Millisecond)
		r.accept(small, rows(10), nil)
		bulktest.Rest(t.Context(), 8*time.Second)
		if !r.isEnded(small) {
			t.Error("the small upload still waits")
		}
		if r.isEnded(large) {
			t.Error("the large upload is through: the test shows nothing")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestWindow: no more rows are on the log without a result than the window and
// one batch; counting them moves the split on.
func TestWindow(t *testing.T) {
	for _, isTold := range []bool{true, false} {
		t.Run(fmt.Sprintf("told_%v", isTold), func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				const n, window = 10 * split.BatchRows, 3 * split.BatchRows
				r.options.WindowRows = window
				var counted atomic.Int64
				r.store = &counting{FullStore: r.store, rows: &counted}
				r.accept(bulktest.Upload, rows(n), nil)
				s, end := r.work("process")
				for counted.Load() < n {
					bulktest.Rest(t.Context(), time.Second)
					synctest.Wait()
					got := r.read(bulktest.Upload)
					sent := int64(len(got.rows) + len(got.results))
					was := counted.Load()
					if want := min(was+window+split.BatchRows, n); sent > want || sent < min(was+window, n) {
						t.Fatalf("%d rows are counted and %d sent", was, sent)
					}
					counted.Store(min(sent, was+split.BatchRows))
					if isTold {
						s.Counted()
					}
				}
				end()
				if r.read(bulktest.Upload).ends == nil {
					t.Error("the split has not ended")
				}
			})
		})
	}
}

// isEnded reports whether the end of an upload's split is on the log.
func (r *rig) isEnded(upload string) bool {
	var out told
	r.readResults(upload, &out)
	return out.ends != nil
}

// counting says how many rows are counted.
type counting struct {
	bulktest.FullStore
	rows *atomic.Int64
}

func (c *counting) RowsCounted(context.Context, string) (int64, error) { return c.rows.Load(), nil }

// TestLostLeaseEndsTheSplit: whoever was frozen past its lease stops at the next
// checkpoint at the latest, and what it sent meanwhile is harmless.
func TestLostLeaseEndsTheSplit(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		const n = 3 * split.BatchRows
		var frozen atomic.Bool
		frozen.Store(true)
		r.publish = func(ctx context.Context, records []bulk.Record) error {
			if frozen.CompareAndSwap(true, false) {
				bulktest.Rest(context.Background(), time.Minute)
				ctx = context.Background() //nolint:contextcheck // the frozen one does not see that it lost the lease
			}
			return r.log.Publish(ctx, records)
		}
		var renewals atomic.Int64
		r.store = &bulktest.Store{Inner: r.store, Around: func(_ context.Context, op string, call func() error) error {
			if op == "renew" {
				if renewals.Add(1) == 1 {
					bulktest.Rest(context.Background(), 30*time.Second)
				}
			}
			return call()
		}}
		r.accept(bulktest.Upload, rows(n), nil)
		_, endFirst := r.work("frozen")
		bulktest.Rest(t.Context(), 10*time.Second)
		_, endSecond := r.work("next")
		bulktest.Rest(t.Context(), 3*time.Minute)
		endFirst()
		endSecond()
		got := r.read(bulktest.Upload)
		if len(got.rows)+len(got.results) != n || got.ends == nil {
			t.Errorf("%d events and %d results", len(got.rows), len(got.results))
		}
	})
}
