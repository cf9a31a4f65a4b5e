package analytics_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sluice/consumer/analytics"
	"sluice/internal/bulk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what outlives a follower.
type world struct {
	log    *fakeLog
	store  *memoryStore
	sink   *memorySink
	faults *faults
	want   expected
	rng    *rand.Rand
	maxCut int
	rows   int // MaxRows
}

func newWorld(topic string) *world {
	f := &faults{}
	return &world{
		log: newLog(source(topic)), store: newStore(f), sink: newSink(f), faults: f,
		rng: rand.New(rand.NewPCG(1, 2)), maxCut: 10, rows: 7,
	}
}

// follow runs a follower until ctx ends or a fault stops it.
func (w *world) follow(ctx context.Context) *analytics.Metrics {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.faults.onStop(cancel)
	metrics := analytics.NewMetrics(prometheus.NewRegistry())
	f := analytics.New(analytics.Options{
		Sink: w.sink, Store: w.store, Codec: codec,
		Logger: slog.New(slog.DiscardHandler), Metrics: metrics, MaxRows: w.rows,
	})
	p := &partition{fakeLog: w.log, rng: w.rng, maxCut: w.maxCut, faults: w.faults}
	if err := f.Run(ctx, p); err != nil {
		w.sink.mistakes = append(w.sink.mistakes, err.Error())
	}
	return metrics
}

// until follows, one follower after the other, until everything has arrived. The
// clock is the test's own, so an hour of it is nothing.
func (w *world) until(t testing.TB, hasArrived func() bool) *analytics.Metrics {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var last *analytics.Metrics
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			last = w.follow(ctx)
		}
	})
	deadline := time.After(24 * time.Hour)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for isFirst := true; isFirst || !hasArrived(); isFirst = false {
		select {
		case <-tick.C: // at least once, so that a follower has begun
		case <-deadline:
			cancel()
			wg.Wait()
			t.Fatalf("nothing arrives any more: %+v", w.store.blocks)
		}
	}
	cancel()
	wg.Wait()
	return last
}

// isDone reports whether the store knows the log's whole length as inserted.
func (w *world) isDone() bool {
	_, end := w.log.bounds()
	b, ok := w.store.block(w.log.source)
	return ok && b.isDone && b.to == end
}

// grow appends a random record of the log's topic.
func (w *world) grow(n int, dice *rand.Rand) {
	var rec bulk.Record
	switch kind := dice.IntN(10); {
	case kind == 0:
		rec = bulk.Record{Value: []byte("unreadable")}
	case kind == 1:
		rec = bulk.Record{} // a tombstone
	case kind == 2 && w.log.source.Topic == bulk.TopicResults:
		rec = splitFinished()
	case w.log.source.Topic == bulk.TopicChanges:
		rec = w.want.change(n)
	case w.log.source.Topic == bulk.TopicResults:
		rec = w.want.resultBatch(n*100, dice.IntN(12))
	default:
		rec = w.want.response(n)
	}
	w.log.add(rec, int64(dice.IntN(3)/2))
}

// checkRows compares every row, in the log's order, and the sink's own findings.
func (w *world) checkRows(t interface{ Errorf(string, ...any) }) {
	for _, m := range w.sink.mistakes {
		t.Errorf("%s", m)
	}
	if !slices.Equal(w.sink.uploads, w.want.uploads) {
		t.Errorf("uploads: %d rows, want %d", len(w.sink.uploads), len(w.want.uploads))
	}
	if len(w.sink.results)+len(w.want.results) > 0 && !reflect.DeepEqual(w.sink.results, w.want.results) {
		t.Errorf("results: %d rows, want %d", len(w.sink.results), len(w.want.results))
	}
	if !slices.Equal(w.sink.changes, w.want.changes) {
		t.Errorf("changes: %d rows, want %d", len(w.sink.changes), len(w.want.changes))
	}
}

// checkBlocks sees that each block begins where the one before it ended, or is it.
func (w *world) checkBlocks(t interface{ Errorf(string, ...any) }) {
	last := recorded{}
	for _, b := range w.store.history[w.log.source] {
		if b.from < last.to && (b.from != last.from || b.to != last.to) {
			t.Errorf("block %+v after %+v", b, last)
		}
		last = b
	}
}

func TestAnyHistoryGivesTheRowsOfTheLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		topic := rapid.SampledFrom([]string{bulk.TopicChanges, bulk.TopicResults, bulk.TopicResponses}).Draw(rt, "topic")
		seed := rapid.Uint64().Draw(rt, "seed")
		cut := rapid.IntRange(1, 20).Draw(rt, "cut")
		rows := rapid.IntRange(1, 40).Draw(rt, "rows")
		plan := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) fault {
			return fault(rapid.IntRange(0, numFaults-1).Draw(rt, "fault"))
		}), 0, 60).Draw(rt, "faults")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 1500), 1, 60).Draw(rt, "pauses in milliseconds")
		var w *world
		synctest.Test(t, func(t *testing.T) {
			w = newWorld(topic)
			w.rng = rand.New(rand.NewPCG(seed, 0))
			w.maxCut, w.rows, w.faults.plan = cut, rows, plan
			w.history(t, pauses)
		})
		w.checkRows(rt)
		w.checkBlocks(rt)
		if most := w.rows - 1 + 12; w.sink.largest > most {
			rt.Errorf("a block of %d rows, want at most %d", w.sink.largest, most)
		}
	})
}

// history grows the log with pauses, and follows it until all of it has arrived.
func (w *world) history(t testing.TB, pauses []int) {
	var wg sync.WaitGroup
	grown := make(chan struct{})
	wg.Go(func() {
		defer close(grown)
		dice := rand.New(rand.NewPCG(uint64(len(pauses)), 4))
		for i, p := range pauses {
			<-time.After(time.Duration(p) * time.Millisecond)
			w.grow(i, dice)
		}
	})
	w.until(t, func() bool {
		select {
		case <-grown:
			return w.isDone()
		default:
			return false
		}
	})
	wg.Wait()
}

func TestBlocks(t *testing.T) {
	blocks := func(w *world) (list []recorded) {
		for _, b := range w.store.history[w.log.source] {
			if b.from != b.to {
				list = append(list, b)
			}
		}
		return list
	}
	t.Run("full_block_is_sent_at_once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(bulk.TopicChanges)
			for i := range 14 {
				w.log.add(w.want.change(i), 0)
			}
			began := time.Now()
			w.until(t, w.isDone)
			if took := time.Since(began); took > 500*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if got, want := blocks(w), []recorded{{from: 0, to: 7}, {from: 7, to: 14}}; !slices.Equal(got, want) {
				t.Errorf("blocks %+v, want %+v", got, want)
			}
		})
	})
	t.Run("small_block_is_sent_a_second_after_its_first_record", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(bulk.TopicChanges)
			began := time.Now()
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range 4 {
					w.log.add(w.want.change(i), 0)
					<-time.After(400 * time.Millisecond)
				}
			})
			w.until(t, func() bool { b, _ := w.store.block(w.log.source); return b.isDone && b.to > 0 })
			if took := time.Since(began); took < time.Second || took > 1100*time.Millisecond {
				t.Errorf("took %v", took)
			}
			wg.Wait()
			if got, want := blocks(w), []recorded{{from: 0, to: 3}}; !slices.Equal(got, want) {
				t.Errorf("blocks %+v, want %+v", got, want)
			}
		})
	})
}

func TestStoreThatIsAwayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(bulk.TopicChanges)
		w.faults.plan = slices.Concat(slices.Repeat([]fault{faultNone}, 4), slices.Repeat([]fault{faultBefore}, 1000))
		for i := range 30 {
			w.log.add(w.want.change(i), 0)
		}
		m := w.until(t, w.isDone)
		w.checkRows(t)
		w.checkBlocks(t)
		if n := testutil.ToFloat64(m.Blocks.WithLabelValues("failed")); n < 900 {
			t.Errorf("%v failed inserts counted", n)
		}
		if n := testutil.ToFloat64(m.Rows.WithLabelValues("changes")); n != 30 {
			t.Errorf("%v rows counted", n)
		}
		if n := testutil.ToFloat64(m.Lag); n != 0 {
			t.Errorf("a lag of %v", n)
		}
	})
}

func TestSkippedRecordsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(bulk.TopicResponses)
		w.log.add(bulk.Record{Value: []byte{0, 0, 0, 0, 1}}, 0)
		w.log.add(bulk.Record{}, 0)
		w.log.add(w.want.response(1), 0)
		m := w.until(t, w.isDone)
		w.checkRows(t)
		for _, reason := range []string{"unreadable", "tombstone"} {
			if n := testutil.ToFloat64(m.Skipped.WithLabelValues(reason)); n != 1 {
				t.Errorf("%v %s counted", n, reason)
			}
		}
	})
}
