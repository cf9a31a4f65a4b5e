package history_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/bulktest"
)

var (
	seedCount = flag.Int("seeds", 0, "how many random histories are run; 0: 500, or 40 under the race detector")
	oneSeed   = flag.Int("seed", -1, "run this history alone, and log what happens in it")
)

// TestI1I2I3I5I7RandomHistoriesEqualACleanRun shows I1 to I3, I5 to I8 and I12: whatever is
// redelivered, lost, cut off, frozen or killed meanwhile. A failure names its
// seed; go test ./test/history -seed=N runs it again.
func TestI1I2I3I5I7RandomHistoriesEqualACleanRun(t *testing.T) {
	bulktest.PrepareDatabase(t)
	m := newMetrics()
	count := *seedCount
	if count == 0 {
		count = 500
		if underRace {
			count = 40
		}
	}
	first, last, log := 0, count-1, bulktest.NoLog()
	if *oneSeed >= 0 {
		first, last = *oneSeed, *oneSeed
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { run(t, uint64(seed), m, log) })
		})
	}
}

// history is one history and what it should have led to.
type history struct {
	*world
	model       *model
	planner     *planner
	uploads     []*plannedUpload
	outcomes    map[*plannedUpload][]outcome
	isContended bool
}

// run plays one history and checks what it led to.
func run(t *testing.T, seed uint64, m *metrics, log *slog.Logger) {
	h := &history{world: newWorld(t, seed, m, log), model: newModel(), outcomes: map[*plannedUpload][]outcome{}}
	h.isContended = seed%5 == 4
	h.planner = &planner{
		dice: h.dice.Fork(), model: h.model, isContended: h.isContended,
		partitions: int(h.events.Partitions("customer.updates")),
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	weather := h.brew()
	h.weather.Store(&weather)
	for n := range processCount {
		wg.Go(func() { h.live(ctx, n) })
	}
	for _, topic := range []string{"customer.updates", "bulk.results"} {
		for partition := range h.events.Partitions(topic) {
			wg.Go(func() { h.rotate(ctx, topic, partition) })
		}
	}
	wg.Go(func() { h.disasters(ctx, h.isContended) })
	h.play(ctx)
	h.settle(ctx)
	stop()
	wg.Wait()
	if h.failure == nil {
		h.check()
	}
	if err := h.store.Close(); err != nil {
		h.fail("closing the store: %w", err)
	}
	if h.failure != nil {
		t.Fatalf("seed %d (run it again with -seed=%d): %v", seed, seed, h.failure)
	}
}

// calmAfter is when the weather turns good at the latest.
const calmAfter = 90 * time.Second

// play sends wave after wave; one begins when all of the one before are answered.
func (h *history) play(ctx context.Context) {
	calm := time.AfterFunc(calmAfter, func() { h.weather.Store(&storm{}) })
	defer calm.Stop()
	companies := []string{"CEK000000A", "CEK000000B", "CEK000000C"}[:h.dice.Between(2, 3)]
	for range h.dice.Between(2, 4) {
		wave := h.planner.wave(companies)
		var wg sync.WaitGroup
		for _, u := range wave {
			wg.Go(func() {
				h.send(ctx, u)
				if u.id != "" {
					h.await(ctx, u)
				}
			})
		}
		wg.Wait()
		if h.failure != nil {
			return
		}
		for _, u := range wave {
			h.model.addCompany(u.company)
			h.uploads = append(h.uploads, u)
			h.outcomes[u] = h.model.apply(u)
		}
	}
	h.weather.Store(&storm{})
}
