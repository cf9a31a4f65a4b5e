package history_test

import (
	"context"
	"fmt"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
)

// disasters strike the log while the weather is bad, until ctx ends.
func (w *world) disasters(ctx context.Context, mayPoison bool) {
	dice := w.dice.Fork()
	for n := range dice.Intn(4) {
		rest(ctx, dice.Duration(200*time.Millisecond, 10*time.Second))
		if ctx.Err() != nil || !w.isStormy() {
			return
		}
		topic := bulktest.Pick(dice, []string{bulk.TopicUpdates, bulk.TopicResults})
		partition := int32(dice.Intn(int(w.events.Partitions(topic))))
		switch what := dice.Intn(8); {
		case what < 3:
			w.events.CutTail(topic, partition, dice.Between(1, 20))
		case what < 5:
			w.events.Prune(topic, partition, dice.Between(1, 20))
		case what < 6:
			w.move(fmt.Sprintf("cluster-%d", n+2))
		case mayPoison:
			w.events.Tamper(topic, partition, func(r *bulk.Record) {
				if dice.Chance(0.1) {
					r.Value = []byte("poison")
				}
			})
		}
	}
}

// move ends all processes and has the next ones find another cluster.
func (w *world) move(cluster string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		if p != nil {
			p.kill()
		}
	}
	w.isMoved = true
	w.events.Move(cluster)
}
