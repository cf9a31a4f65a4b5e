package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"sluice/internal/kafka"
)

// collector gathers what the members of a group read, by partition.
type collector struct {
	mu     sync.Mutex
	seen   map[int32]map[int64]string
	owners map[int32]string
	change chan struct{} // closed and replaced at each change
}

func newCollector() *collector {
	return &collector{seen: map[int32]map[int64]string{}, owners: map[int32]string{}, change: make(chan struct{})}
}

func (k *collector) update(fn func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn()
	close(k.change)
	k.change = make(chan struct{})
}

// wait blocks until cond holds.
func (k *collector) wait(ctx context.Context, t *testing.T, what string, cond func() bool) {
	t.Helper()
	for {
		k.mu.Lock()
		ok, change := cond(), k.change
		k.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-change:
		case <-ctx.Done():
			k.mu.Lock()
			defer k.mu.Unlock()
			t.Fatalf("waiting until %s: %v (owners %v)", what, ctx.Err(), k.owners)
		}
	}
}

func (k *collector) count() int {
	n := 0
	for _, part := range k.seen {
		n += len(part)
	}
	return n
}

// handler reads and commits as member.
func (k *collector) handler(member string) kafka.Handler {
	return func(ctx context.Context, p *kafka.Partition) error {
		k.update(func() { k.owners[p.ID()] = member })
		defer k.update(func() {
			if k.owners[p.ID()] == member {
				delete(k.owners, p.ID())
			}
		})
		for {
			b, err := p.Fetch(ctx)
			if err != nil {
				return err
			}
			k.update(func() {
				if k.seen[p.ID()] == nil {
					k.seen[p.ID()] = map[int64]string{}
				}
				for _, r := range b.Records {
					k.seen[p.ID()][r.Offset] = string(r.Value)
				}
			})
			if err := p.Commit(ctx, b.Next); err != nil && !errors.Is(err, kafka.ErrLost) {
				return err
			}
		}
	}
}

// consume runs Consume until stop is called, which waits for it.
func consume(ctx context.Context, t *testing.T, c *kafka.Client, o kafka.ConsumerOptions, h kafka.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- c.Consume(ctx, o, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Consume: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func twoMembersSplitAndTakeOver(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c1, c2 := newClient(t, brokers, nil), newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c1, 4, nil)
	p := newProducer(ctx, t, c1)
	k := newCollector()
	o := kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}
	produced := 0
	produce := func() {
		for partition := range int32(4) {
			if err := p.Produce(ctx, numbered(topic, partition, produced/4, 50)); err != nil {
				t.Fatal(err)
			}
		}
		produced += 4 * 50
	}
	owned := func() map[string]int {
		n := map[string]int{}
		for _, m := range k.owners {
			n[m]++
		}
		return n
	}
	stop1 := consume(ctx, t, c1, o, k.handler("one"))
	produce()
	k.wait(ctx, t, "one has all", func() bool { return k.count() == produced && maps.Equal(owned(), map[string]int{"one": 4}) })
	stop2 := consume(ctx, t, c2, o, k.handler("two"))
	k.wait(ctx, t, "each has two", func() bool { return maps.Equal(owned(), map[string]int{"one": 2, "two": 2}) })
	produce()
	k.wait(ctx, t, "both have read", func() bool { return k.count() == produced })
	stop1()
	k.wait(ctx, t, "two has all", func() bool { return maps.Equal(owned(), map[string]int{"two": 4}) })
	produce()
	k.wait(ctx, t, "two has read", func() bool { return k.count() == produced })
	stop2()
	for partition, recs := range k.seen {
		for offset, value := range recs {
			if value != fmt.Sprint(offset) {
				t.Fatalf("partition %d offset %d holds %s", partition, offset, value)
			}
		}
	}
}

func groupGoesOnAtItsCommit(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 1, nil)
	p := newProducer(ctx, t, c)
	o := kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}
	if err := p.Produce(ctx, numbered(topic, 0, 0, 10)); err != nil {
		t.Fatal(err)
	}
	started := make(chan int64, 1)
	stop := consume(ctx, t, c, o, func(ctx context.Context, p *kafka.Partition) error {
		before := p.Committed()
		if err := p.Commit(ctx, 7); err != nil {
			return err
		}
		started <- before
		<-ctx.Done()
		return nil
	})
	if got := <-started; got != -1 {
		t.Errorf("a new group begins with commit %d, want -1", got)
	}
	stop()
	lags, err := c.GroupLag(ctx, topic, topic)
	if err != nil || len(lags) != 1 || lags[0].Committed != 7 || lags[0].End != 10 || lags[0].Lag() != 3 {
		t.Errorf("got lag %+v, error %v", lags, err)
	}
	offsets := make(chan int64, 1)
	consume(ctx, t, c, o, func(ctx context.Context, p *kafka.Partition) error {
		if p.Committed() != 7 || p.Generation() < 1 {
			t.Errorf("committed is %d in generation %d, want 7", p.Committed(), p.Generation())
		}
		b, err := p.Fetch(ctx)
		if err != nil {
			return err
		}
		offsets <- b.Records[0].Offset
		<-ctx.Done()
		return nil
	})
	select {
	case got := <-offsets:
		if got != 7 {
			t.Errorf("goes on at %d, want 7", got)
		}
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
}

func slowPartitionDoesNotDelayOthers(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 6, nil)
	p := newProducer(ctx, t, c)
	if err := p.Produce(ctx, numbered(topic, 0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	stuck := make(chan struct{}, 1)
	arrived := make(chan int32, 100)
	consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}, MaxWait: time.Minute}, func(ctx context.Context, p *kafka.Partition) error {
		for {
			if _, err := p.Fetch(ctx); err != nil {
				return err
			}
			if p.ID() == 0 { // never asks again
				stuck <- struct{}{}
				<-ctx.Done()
				return nil
			}
			arrived <- p.ID()
		}
	})
	<-stuck
	began := time.Now()
	const rounds = 20
	for round := range rounds {
		for partition := range int32(6) {
			if err := p.Produce(ctx, numbered(topic, partition, round, 1)); err != nil {
				t.Fatal(err)
			}
			if partition == 0 {
				continue
			}
			select {
			case got := <-arrived:
				if got != partition {
					t.Fatalf("partition %d arrived, want %d", got, partition)
				}
			case <-ctx.Done():
				t.Fatalf("partition %d did not arrive in round %d", partition, round)
			}
		}
	}
	// Had one of them waited for another's request, it would have been a minute.
	t.Logf("%d records one after another in %v", rounds*5, time.Since(began))
}

func handlerThatFailsIsCalledAgain(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 1, nil)
	if err := newProducer(ctx, t, c).Produce(ctx, numbered(topic, 0, 0, 10)); err != nil {
		t.Fatal(err)
	}
	calls := make(chan int64, 10)
	n := 0
	consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}, func(ctx context.Context, p *kafka.Partition) error {
		b, err := p.Fetch(ctx)
		if err != nil {
			return err
		}
		calls <- b.Records[0].Offset
		if n++; n == 1 {
			if err := p.Commit(ctx, 4); err != nil {
				return err
			}
			return errors.New("injected")
		}
		<-ctx.Done()
		return nil
	})
	for _, want := range []int64{0, 4} {
		select {
		case got := <-calls:
			if got != want {
				t.Errorf("called at %d, want %d", got, want)
			}
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}
