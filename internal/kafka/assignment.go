package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// assignment is what one generation of a group gave this member.
type assignment struct {
	m       *member
	gen     *kafkago.Generation
	fetcher *fetcher
	commits sync.Mutex // one commit at a time: waiting for several would spin
}

func newAssignment(m *member, gen *kafkago.Generation) *assignment {
	return &assignment{m: m, gen: gen, fetcher: newFetcher(m.c, m.options.MaxWait)}
}

func (a *assignment) count() int {
	n := 0
	for _, parts := range a.gen.Assignments {
		n += len(parts)
	}
	return n
}

// run runs a handler per partition until ctx ends and all have returned.
func (a *assignment) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.fetcher.run(ctx) })
	for topic, parts := range a.gen.Assignments {
		for _, p := range parts {
			tp := topicPartition{topic, int32(p.ID)}
			committed := p.Offset
			if committed < 0 { // "first" or "last": nothing was committed
				committed = -1
			}
			wg.Go(func() { a.serve(ctx, tp, committed) })
		}
	}
}

// serve calls the handler of one partition until ctx ends.
func (a *assignment) serve(ctx context.Context, tp topicPartition, committed int64) {
	wait := backoff{min: 100 * time.Millisecond, max: 5 * time.Second}
	for ctx.Err() == nil {
		began := a.m.c.now()
		p := newPartition(a.fetcher, tp, a.m.options.MaxFetchBytes)
		p.generation, p.committed = a.gen.ID, committed
		p.commit = func(ctx context.Context, next int64) error { return a.commit(ctx, tp, next) }
		err := a.m.handle(ctx, p)
		committed = p.committed
		p.close()
		if ctx.Err() != nil {
			return
		}
		if a.m.c.now().Sub(began) > wait.max {
			wait.tries = 0
		}
		a.m.c.metrics.handlerRestarts.Inc()
		a.m.c.log.Warn("partition handler ended early and is started again", "group", a.m.options.Group,
			"topic", tp.topic, "partition", tp.partition, "err", err)
		if wait.wait(ctx) != nil {
			return
		}
	}
}

// commit tells the coordinator where the group goes on in one partition.
func (a *assignment) commit(ctx context.Context, tp topicPartition, next int64) error {
	a.commits.Lock()
	defer a.commits.Unlock()
	err := a.gen.CommitOffsets(map[string]map[int]int64{tp.topic: {int(tp.partition): next}})
	if err == nil {
		return nil
	}
	for _, gone := range []kafkago.Error{
		kafkago.NotCoordinatorForGroup, kafkago.IllegalGeneration, kafkago.UnknownMemberId,
		kafkago.RebalanceInProgress, kafkago.FencedInstanceID,
	} {
		if errors.Is(err, gone) {
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
	}
	if ctx.Err() != nil { // the generation is over, and with it its connection
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return err
}
