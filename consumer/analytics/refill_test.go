package analytics_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sluice/internal/bulk"
)

// checkSecondLine compares what tables with one row per key would hold.
func (w *world) checkSecondLine(t testing.TB) {
	t.Helper()
	for _, m := range w.sink.mistakes {
		t.Error(m)
	}
	type keyed struct{ results, changes []string }
	keys := func(results []bulk.AnalyticsResult, changes []bulk.AnalyticsChange) keyed {
		r, c := map[string]bool{}, map[string]bool{}
		for _, row := range results {
			r[key(row.Upload, row.Row)] = true
		}
		for _, row := range changes {
			c[key(row.Upload, row.Row)] = true
		}
		return keyed{slices.Sorted(maps.Keys(r)), slices.Sorted(maps.Keys(c))}
	}
	got, want := keys(w.sink.results, w.sink.changes), keys(w.want.results, w.want.changes)
	if !slices.Equal(got.results, want.results) {
		t.Errorf("%d results, want %d", len(got.results), len(want.results))
	}
	if !slices.Equal(got.changes, want.changes) {
		t.Errorf("%d changes, want %d", len(got.changes), len(want.changes))
	}
}

// fill adds changes and results to the journal, the changes to the log too.
func (w *world) fill(rows int) {
	for i := range rows {
		change, results := w.want.change(i), w.want.resultBatch(i*100, 3)
		w.store.journal = append(w.store.journal, journal(int64(i+1), change, results))
		w.log.add(change, 0)
	}
}

func TestGapIsFilledFromTheJournal(t *testing.T) {
	for name, c := range map[string]struct {
		known *recorded // before
		first int64     // of the log
		end   int64
		want  float64 // refills
	}{
		"log_reaches_to_progress":              {known: &recorded{from: 0, to: 0, isDone: true}, end: 40},
		"log_is_pruned_beyond_progress":        {known: &recorded{from: 5, to: 10, isDone: true}, first: 20, end: 40, want: 1},
		"log_is_pruned_beyond_a_pending_block": {known: &recorded{from: 10, to: 30}, first: 20, end: 40, want: 1},
		"log_was_cut_back":                     {known: &recorded{from: 40, to: 50, isDone: true}, end: 40, want: 1},
		"log_of_another_cluster":               {first: 0, end: 0, want: 1},
		"pruned_log_of_another_cluster":        {first: 20, end: 40, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(bulk.TopicChanges)
				w.fill(40)
				w.log.prune(c.first, c.end)
				if c.known != nil {
					w.store.blocks[w.log.source] = *c.known
				}
				if c.want == 0 {
					w.want.results = nil // not of this topic
				}
				m := w.until(t, w.isDone)
				w.checkSecondLine(t)
				if n := testutil.ToFloat64(m.Refills); n != c.want {
					t.Errorf("%v refills, want %v", n, c.want)
				}
				m = w.until(t, w.isDone)
				if n := testutil.ToFloat64(m.Refills); n != 0 {
					t.Errorf("%v refills after a restart", n)
				}
			})
		})
	}
}

func TestLogPrunedWhileFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(bulk.TopicChanges)
		w.fill(10)
		w.until(t, w.isDone)
		w.fill(40) // the first ten come again
		w.log.prune(45, 50)
		w.until(t, w.isDone)
		w.checkSecondLine(t)
	})
}

func TestRefillSurvivesFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(bulk.TopicResults)
		w.fill(40)
		w.log.prune(40, 40)
		for i := range 200 {
			w.faults.plan = append(w.faults.plan, fault(i%numFaults), faultNone, faultNone, faultNone, faultNone, faultNone, faultNone)
		}
		w.until(t, w.isDone)
		w.checkSecondLine(t)
	})
}

func TestUnreadableJournalRowIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(bulk.TopicChanges)
		w.fill(3)
		w.store.journal = append(w.store.journal, bulk.JournalRow{Seq: 4, Body: []byte("unreadable")})
		w.store.journal = append(w.store.journal, journal(5, w.want.change(5), splitFinished(), bulk.Record{Topic: bulk.TopicDeadLetters, Value: []byte("x")}))
		w.log.prune(3, 3)
		m := w.until(t, w.isDone)
		w.checkSecondLine(t)
		if n := testutil.ToFloat64(m.Skipped.WithLabelValues("unreadable")); n != 1 {
			t.Errorf("%v unreadable counted", n)
		}
	})
}

// What a log wrote anew after it was cut back must not be taken for what stood at
// the same offsets before.
func TestSameOffsetsOtherRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(bulk.TopicChanges)
		for i := range 14 {
			w.log.add(w.want.change(i), 0)
		}
		w.until(t, w.isDone)
		w.log.prune(0, 0)
		w.until(t, w.isDone)
		for i := range 14 {
			w.log.add(w.want.change(100+i), 0)
		}
		w.until(t, w.isDone)
		w.checkSecondLine(t)
	})
}

// key tells rows of the second line apart.
func key(upload string, row int64) string { return fmt.Sprint(upload, "/", row) }
