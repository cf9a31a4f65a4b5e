package history_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/consumer/aggregate"
	"sluice/consumer/apply"
	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/event"
	"sluice/internal/sqlite"
	"sluice/producer/intake"
	"sluice/producer/split"
)

// world is everything a history happens in. Store, log and files outlive the
// processes.
type world struct {
	t       *testing.T
	dice    *bulktest.Dice
	store   *sqlite.Store
	events  *bulktest.Log
	files   *bulktest.Files
	codec   *event.Codec
	signer  *bulk.FileSigner
	log     *slog.Logger
	metrics *metrics
	isMoved bool // the log was another cluster's before

	weather      atomic.Pointer[storm]
	incarnations atomic.Int64

	mu        sync.Mutex
	processes []*process // nil: not running now
	failure   error
}

// storm is how bad things are: probabilities for each call.
type storm struct {
	slow, freeze            float64
	errorBefore, errorAfter float64
	publishFault            float64
	unreadable              float64
}

// metrics are made once: no test looks at them.
type metrics struct {
	split     *split.Metrics
	intake    *intake.Metrics
	apply     *apply.Metrics
	aggregate *aggregate.Metrics
}

func newMetrics() *metrics {
	reg := prometheus.NewRegistry()
	return &metrics{split.NewMetrics(reg), intake.NewMetrics(reg), apply.NewMetrics(reg), aggregate.NewMetrics(reg)}
}

const processCount = 2

func newWorld(t *testing.T, seed uint64, m *metrics, log *slog.Logger) *world {
	t.Helper()
	dice := bulktest.NewDice(seed)
	w := &world{
		t: t, dice: dice, files: bulktest.NewFiles(), codec: bulktest.Codec(), log: log, metrics: m,
		signer:    &bulk.FileSigner{Key: []byte("key"), Life: 24 * time.Hour},
		processes: make([]*process, processCount),
	}
	dir := bulktest.TempDir(t)
	w.store = bulktest.OpenDatabase(t, bulktest.NewDatabase(t, dir), time.Now)
	w.events = bulktest.NewLog("cluster-1", bulktest.DefaultTopics(dice.Between(1, 3), dice.Between(1, 2)))
	w.weather.Store(&storm{})
	w.events.Fault = func([]bulk.Record) bulktest.PublishFault {
		if !w.dice.Chance(w.storm().publishFault) {
			return bulktest.PublishWell
		}
		return bulktest.Pick(w.dice, []bulktest.PublishFault{bulktest.PublishBefore, bulktest.PublishPartly, bulktest.PublishAfter})
	}
	return w
}

func (w *world) storm() storm   { return *w.weather.Load() }
func (w *world) isStormy() bool { return w.storm() != storm{} }

// brew draws the weather of a history; a few are calm.
func (w *world) brew() storm {
	level := bulktest.Pick(w.dice, []float64{0, 0.3, 1, 1, 1, 2})
	return storm{
		slow: min(0.4*level, 0.6), freeze: 0.004 * level,
		errorBefore: 0.01 * level, errorAfter: 0.01 * level, publishFault: 0.05 * level, unreadable: 0.04 * level,
	}
}

// fail notes the first thing that must not happen.
func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil {
		w.failure = fmt.Errorf(format, args...)
	}
}

// alive draws a running process; nil when there is none now.
func (w *world) alive() *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	var running []*process
	for _, p := range w.processes {
		if p != nil {
			running = append(running, p)
		}
	}
	if len(running) == 0 {
		return nil
	}
	return bulktest.Pick(w.dice, running)
}

func (w *world) put(n int, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes[n] = p
}

// live runs process n, ending it and beginning anew while the weather is bad,
// until ctx ends.
func (w *world) live(ctx context.Context, n int) {
	dice := w.dice.Fork()
	for ctx.Err() == nil {
		p := w.start(ctx, n)
		w.put(n, p)
		for p.ctx.Err() == nil {
			rest(p.ctx, dice.Duration(2*time.Second, 20*time.Second))
			if w.isStormy() && dice.Chance(0.7) {
				break
			}
		}
		w.put(n, nil)
		if dice.Chance(0.6) && ctx.Err() == nil {
			p.kill()
		} else {
			p.cancel()
		}
		p.wg.Wait()
		rest(ctx, dice.Duration(0, 2*time.Second))
	}
}

// rotate gives a partition to one process after the other until ctx ends. Now and
// then two have it at once: the first was not told yet, or does not hear.
func (w *world) rotate(ctx context.Context, topic string, partition int32) {
	dice := w.dice.Fork()
	var wg sync.WaitGroup
	defer wg.Wait()
	for ctx.Err() == nil {
		p := w.alive()
		if p == nil {
			rest(ctx, 100*time.Millisecond)
			continue
		}
		tenure, end := context.WithCancel(p.ctx)
		done := make(chan struct{})
		wg.Go(func() {
			defer close(done)
			p.own(tenure, topic, partition)
		})
		w.tenure(ctx, dice, done)
		if dice.Chance(0.4) && ctx.Err() == nil {
			time.AfterFunc(dice.Duration(0, 5*time.Second), end)
			continue
		}
		end()
		<-done
	}
}

// tenure returns when an owner's time is over, or it has returned by itself.
func (w *world) tenure(ctx context.Context, dice *bulktest.Dice, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-time.After(dice.Duration(300*time.Millisecond, 12*time.Second)):
			if w.isStormy() {
				return
			}
		}
	}
}

// rest waits, on virtual time, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
