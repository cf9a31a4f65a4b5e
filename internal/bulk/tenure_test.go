package bulk_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
)

// kept is a bulk.ProgressStore that knows one source.
type kept struct {
	ok        bool
	progress  bulk.Progress
	restarted [][2]int64
	err       error
}

func (k *kept) Progress(context.Context, bulk.Source) (bulk.Progress, bool, error) {
	return k.progress, k.ok, k.err
}

func (k *kept) Restart(_ context.Context, _ bulk.Source, from, to int64) error {
	k.restarted = append(k.restarted, [2]int64{from, to})
	return k.err
}

// TestTakeUp says where a partition of a log that holds offsets 10 to 20 is taken up.
func TestTakeUp(t *testing.T) {
	at := func(next int64) *kept {
		return &kept{ok: true, progress: bulk.Progress{Next: next, Seq: 7, Published: 5}}
	}
	cases := []struct {
		name    string
		store   *kept
		want    int64
		restart [][2]int64
	}{
		{"in_the_middle", at(15), 15, nil},
		{"at_the_first_record", at(10), 10, nil},
		{"at_the_end", at(20), 20, nil},
		{"beyond_the_end_the_log_was_cut_back", at(21), 10, [][2]int64{{21, 10}}},
		{"before_the_beginning_the_log_was_pruned", at(9), 10, [][2]int64{{9, 10}}},
		{"never_begun", &kept{}, 10, [][2]int64{{-1, 10}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			log := bulktest.NewLog("cluster-1", map[string]int{"topic": 1})
			if err := log.Publish(t.Context(), make20("topic")); err != nil {
				t.Fatal(err)
			}
			log.Prune("topic", 0, 10)
			p, err := bulk.TakeUp(t.Context(), c.store, log.Partition("topic", 0), bulktest.NoLog())
			if err != nil || p.Next != c.want || p.Seq != c.store.progress.Seq || p.Published != c.store.progress.Published {
				t.Errorf("taken up at %+v, %v, want %d", p, err, c.want)
			}
			if len(c.store.restarted) != len(c.restart) || len(c.restart) > 0 && c.store.restarted[0] != c.restart[0] {
				t.Errorf("restarted %v, want %v", c.store.restarted, c.restart)
			}
		})
	}
}

func make20(topic string) []bulk.Record {
	out := make([]bulk.Record, 20)
	for i := range out {
		out[i] = bulk.Record{Topic: topic, Value: []byte{byte(i)}}
	}
	return out
}

func TestTakeUpReportsErrors(t *testing.T) {
	log := bulktest.NewLog("cluster-1", map[string]int{"topic": 1})
	errAway := errors.New("away")
	if _, err := bulk.TakeUp(t.Context(), &kept{err: errAway}, log.Partition("topic", 0), bulktest.NoLog()); !errors.Is(err, errAway) {
		t.Errorf("the store's error became %v", err)
	}
	p := log.Partition("topic", 0)
	p.Before = func(context.Context, string) error { return errAway }
	if _, err := bulk.TakeUp(t.Context(), &kept{}, p, bulktest.NoLog()); !errors.Is(err, errAway) {
		t.Errorf("the log's error became %v", err)
	}
}

// TestTenures: pauses double while nothing works and are short again after it
// did; another owner's move is told; the end of ownership is no error.
func TestTenures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		var pauses []time.Duration
		moved, last, n := 0, began, 0
		bulk.Tenures(ctx, bulktest.NoLog(), func() { moved++ }, func(_ context.Context, worked func()) error {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			switch n++; {
			case n == 20:
				cancel()
				return ctx.Err()
			case n == 15:
				worked()
				return bulk.ErrMoved
			case n%2 == 0:
				return bulk.ErrOffsetOutOfRange
			default:
				return errors.New("the store is away")
			}
		})
		const least, most = 50 * time.Millisecond, 5 * time.Second
		if moved != 1 || pauses[1] != least || pauses[2] != 2*least || pauses[14] != most || pauses[15] != least {
			t.Errorf("moved %d times, pauses %v", moved, pauses)
		}
	})
}

func TestBackoffEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bulk.Backoff{Min: time.Hour, Max: time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		b.Wait(ctx)
		if d := time.Since(began); d != time.Minute {
			t.Errorf("it waited %s", d)
		}
	})
}

func TestSignalsCountAsOne(t *testing.T) {
	s := bulk.NewSignal()
	for range 5 {
		s.Notify()
	}
	<-s
	select {
	case <-s:
		t.Error("it was received twice")
	default:
	}
	bulk.Signal(nil).Notify() // does nothing
}
