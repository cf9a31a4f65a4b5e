package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxLanes is how many fetch requests may wait at one broker. With a single one,
	// a partition whose batch was just taken would wait for those without records.
	maxLanes = 4
	// lastLaneWait keeps the last lane from being taken for long.
	lastLaneWait = 20 * time.Millisecond
	// emptyPause lets lanes that ended together without records become one again.
	emptyPause = 10 * time.Millisecond
)

// fetcher keeps every partition it feeds one chunk ahead. All its partitions on one
// broker share a request; one whose chunk was not yet taken is left out of it.
type fetcher struct {
	c       *Client
	maxWait time.Duration
	wake    chan struct{} // holds a token if something changed

	mu     sync.Mutex
	feeds  []*feed
	lanes  map[int32]int       // requests under way, by broker
	until  map[int32]time.Time // when the longest of them ends
	rotate int                 // where the next request begins in feeds
}

// feed is one partition's hand-off from the fetcher to its reader.
type feed struct {
	topicPartition
	ready chan struct{} // holds a token if slot or failure was set

	// The fetcher's mutex guards the rest.
	position int64 // next offset to ask for; noPosition before the first Seek
	seeks    int   // grows with each Seek: answers to earlier questions are dropped
	isBusy   bool  // in a request, or waiting to be asked for again
	slot     *chunk
	failure  error
	least    int32 // maxBytes asked for normally
	maxBytes int32 // asked for next: grows for a batch larger than least
	wait     backoff
}

// chunk is what one request brought for one partition.
type chunk struct {
	buf       []byte // from the buffer pool
	data      []byte // whole record batches in buf
	highWater int64
	logStart  int64
}

const noPosition int64 = -1

func newFetcher(c *Client, maxWait time.Duration) *fetcher {
	return &fetcher{c: c, maxWait: maxWait, wake: make(chan struct{}, 1), lanes: map[int32]int{}, until: map[int32]time.Time{}}
}

// add makes a partition known; it is fetched from its first seek on.
func (f *fetcher) add(tp topicPartition, maxBytes int) *feed {
	n := int32(min(max(maxBytes, 1<<10), maxBatchBytes))
	fd := &feed{
		topicPartition: tp, ready: make(chan struct{}, 1), position: noPosition, least: n, maxBytes: n,
		wait: backoff{min: 20 * time.Millisecond, max: time.Second},
	}
	f.mu.Lock()
	f.feeds = append(f.feeds, fd)
	f.mu.Unlock()
	return fd
}

// remove forgets a partition.
func (f *fetcher) remove(fd *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(f.feeds, fd); i >= 0 {
		f.feeds = slices.Delete(f.feeds, i, i+1)
	}
	fd.drop(&f.c.buffers)
	fd.position = noPosition
}

// seek makes offset the next one to be taken.
func (f *fetcher) seek(fd *feed, offset int64) {
	f.mu.Lock()
	fd.drop(&f.c.buffers)
	fd.position = offset
	fd.seeks++
	f.mu.Unlock()
	signal(f.wake)
}

func (fd *feed) drop(buffers *bufferPool) {
	if fd.slot != nil {
		buffers.put(fd.slot.buf)
	}
	fd.slot, fd.failure = nil, nil
}

// take waits for the next chunk of fd.
func (f *fetcher) take(ctx context.Context, fd *feed) (*chunk, error) {
	for {
		f.mu.Lock()
		got, err := fd.slot, fd.failure
		fd.slot, fd.failure = nil, nil
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
		signal(f.wake)
		if got != nil {
			return got, nil
		}
		select {
		case <-fd.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// signal leaves a token in ch unless there is one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run fetches until ctx ends.
func (f *fetcher) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		for _, r := range f.plan() {
			wg.Go(func() { f.exchange(ctx, r) })
		}
	}
}

// fetchPlan is a request to be sent to one broker.
type fetchPlan struct {
	leader int32
	wait   time.Duration
	parts  []fetchPart
}

// plan makes one request per broker of the partitions that lack a chunk. It begins
// with another partition each time: a broker fills its answer in the order asked.
func (f *fetcher) plan() []*fetchPlan {
	f.mu.Lock()
	defer f.mu.Unlock()
	plans := map[int32]*fetchPlan{}
	n := len(f.feeds)
	for i := range n {
		fd := f.feeds[(f.rotate+i)%n]
		if fd.isBusy || fd.slot != nil || fd.failure != nil || fd.position == noPosition {
			continue
		}
		leader := f.c.cluster.leader(fd.topic, fd.partition)
		r := plans[leader]
		if r == nil {
			if leader != noLeader && f.lanes[leader] >= maxLanes {
				continue
			}
			r = &fetchPlan{leader: leader}
			plans[leader] = r
		}
		fd.isBusy = true
		r.parts = append(r.parts, fetchPart{feed: fd, offset: fd.position, seeks: fd.seeks, maxBytes: fd.maxBytes})
	}
	f.rotate++
	all := make([]*fetchPlan, 0, len(plans))
	for leader, r := range plans {
		r.wait = f.laneWait(leader)
		f.lanes[leader]++
		all = append(all, r)
	}
	return all
}

// laneWait is how long a new request waits at its broker: until those already
// waiting there end, so that they can become one.
func (f *fetcher) laneWait(leader int32) time.Duration {
	now := f.c.now()
	rest := f.until[leader].Sub(now)
	if f.lanes[leader] == 0 || rest < lastLaneWait {
		rest = f.maxWait
		f.until[leader] = now.Add(rest)
	}
	if f.lanes[leader] == maxLanes-1 {
		return min(rest, lastLaneWait)
	}
	return rest
}

// exchange carries out one request and hands out what it brought.
func (f *fetcher) exchange(ctx context.Context, r *fetchPlan) {
	asked := f.c.now()
	parts, err := f.ask(ctx, r)
	if err == nil && !slices.ContainsFunc(parts, func(p fetchPart) bool { return p.code != 0 || len(p.data) > 0 }) {
		err := pause(ctx, emptyPause)
		f.release(r, parts)
		if err == nil {
			signal(f.wake)
		}
		return
	}
	if err != nil {
		parts = r.parts // the exchange may still write to its own copy
	}
	again := f.settle(r, parts, err)
	signal(f.wake)
	if len(again) == 0 {
		return
	}
	if err := f.mend(ctx, asked, again); err != nil {
		return
	}
	f.mu.Lock()
	for _, fd := range again {
		fd.isBusy = false
	}
	f.mu.Unlock()
	signal(f.wake)
}

func (f *fetcher) ask(ctx context.Context, r *fetchPlan) ([]fetchPart, error) {
	addr := f.c.cluster.address(r.leader)
	if r.leader == noLeader || addr == nil {
		return nil, &Error{Op: "fetch", Code: codeLeaderNotAvailable}
	}
	ctx, cancel := context.WithTimeout(ctx, r.wait+f.c.opts.RequestTimeout)
	defer cancel()
	res, err := f.c.roundTrip(ctx, addr, &fetchExchange{
		parts: slices.Clone(r.parts), maxWait: r.wait, buffers: &f.c.buffers, clientID: f.c.opts.ClientID, id: f.c.lastID.Add(1),
	})
	if err != nil {
		f.c.metrics.fetchRequests.WithLabelValues("failed").Inc()
		return nil, fmt.Errorf("fetch: %w", err)
	}
	a, ok := res.(*fetchAnswer)
	if !ok {
		return nil, fmt.Errorf("fetch: unexpected answer of type %T", res)
	}
	return a.parts, nil
}

// release frees the partitions of an empty answer.
func (f *fetcher) release(r *fetchPlan, parts []fetchPart) {
	f.c.metrics.fetchRequests.WithLabelValues("ok").Inc()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lanes[r.leader]--
	for i := range parts {
		parts[i].feed.isBusy = false
		parts[i].feed.wait.tries = 0
	}
}

// settle hands out an answer and returns the partitions that must not be asked for
// again before the leaders are known anew. They stay busy.
func (f *fetcher) settle(r *fetchPlan, parts []fetchPart, err error) (again []*feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lanes[r.leader]--
	result := "ok"
	for i := range parts {
		p := &parts[i]
		fd := p.feed
		if err == nil && (p.code == 0 || fd.seeks != p.seeks) {
			fd.isBusy = false
			fd.wait.tries = 0
			f.deliver(fd, p)
			continue
		}
		result = "refused"
		failure := err
		if failure == nil {
			failure = &Error{Op: "fetch", Topic: fd.topic, Partition: fd.partition, Code: p.code}
		}
		if isTransient(failure) && p.code != codeCorruptMessage {
			again = append(again, fd)
			continue
		}
		fd.isBusy = false
		fd.fail(failure)
	}
	if err == nil {
		f.c.metrics.fetchRequests.WithLabelValues(result).Inc()
	}
	return again
}

// deliver puts what a partition got into its slot.
func (f *fetcher) deliver(fd *feed, p *fetchPart) {
	if fd.seeks != p.seeks || fd.position == noPosition {
		f.c.buffers.put(p.data)
		return
	}
	n, next, need, err := completeBatches(p.data)
	if err != nil {
		fd.fail(corruptAt(fd.topic, fd.partition, p.offset, p.data, err))
		return
	}
	if n == 0 {
		// The first batch is larger than what was asked for: ask for as much as it
		// takes. maxBatchBytes bounds it.
		if len(p.data) > 0 {
			fd.maxBytes = int32(min(max(need, 2*int(fd.maxBytes)), maxBatchBytes))
		}
		f.c.buffers.put(p.data)
		return
	}
	f.c.metrics.fetchedBytes.Add(float64(n))
	fd.maxBytes = fd.least
	fd.position = max(next, p.offset)
	fd.slot = &chunk{buf: p.data, data: p.data[:n], highWater: p.highWater, logStart: p.logStart}
	signal(fd.ready)
}

func (fd *feed) fail(err error) {
	fd.failure = err
	signal(fd.ready)
}

// mend waits as long as the most often refused of feeds has to and learns the leaders.
func (f *fetcher) mend(ctx context.Context, asked time.Time, feeds []*feed) error {
	f.mu.Lock()
	longest := &feeds[0].wait
	topics := make([]string, 0, len(feeds))
	for _, fd := range feeds {
		if fd.wait.tries > longest.tries {
			longest = &fd.wait
		}
		topics = append(topics, fd.topic)
	}
	wait := *longest
	for _, fd := range feeds {
		fd.wait.tries = wait.tries + 1
	}
	f.mu.Unlock()
	if err := wait.wait(ctx); err != nil {
		return err
	}
	slices.Sort(topics)
	if err := f.c.refresh(ctx, asked, slices.Compact(topics)...); err != nil {
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return err
		}
		f.c.log.Debug("metadata refresh failed", "err", err)
	}
	return nil
}
