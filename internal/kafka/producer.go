package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

// Producer appends records to topics. It is idempotent: a batch whose
// acknowledgement was lost is sent again under the same sequence and is not appended
// twice, as long as the broker remembers the producer. It is safe for concurrent use.
type Producer struct {
	c         *Client
	attribute uint16 // of the codec
	mu        sync.Mutex
	identity  identity
	lanes     map[topicPartition]*lane
	renewing  chan struct{} // holds one token: one renewal at a time
}

// lane is the order of one partition's batches: whoever holds its token may send.
type lane struct {
	topicPartition
	token    chan struct{}
	identity identity
	sequence int32
	// isDoubtful says that a batch was given up which the broker may have appended:
	// its sequence must not be used again, or the next batch would pass for it.
	isDoubtful bool
}

// NewProducer returns a Producer with a producer id of its own. It retries until
// ctx ends.
func (c *Client) NewProducer(ctx context.Context) (*Producer, error) {
	attribute, err := c.opts.Compression.attribute()
	if err != nil {
		return nil, err
	}
	id, err := c.newProducerID(ctx)
	if err != nil {
		return nil, err
	}
	id.generation = 1
	p := &Producer{c: c, attribute: attribute, identity: id, lanes: map[topicPartition]*lane{}, renewing: make(chan struct{}, 1)}
	p.renewing <- struct{}{}
	return p, nil
}

// newProducerID asks for a producer id until one is given or ctx ends.
func (c *Client) newProducerID(ctx context.Context) (identity, error) {
	var id identity
	err := c.retry(ctx, "getting a producer id", func(ctx context.Context) error {
		// -1 twice: a new id. Zeros would ask to go on with producer 0.
		res, err := c.ask(ctx, c.bootstrap, &initproducerid.Request{ProducerID: -1, ProducerEpoch: -1})
		if err != nil {
			return err
		}
		m, ok := res.(*initproducerid.Response)
		if !ok {
			return fmt.Errorf("unexpected answer of type %T", res)
		}
		if m.ErrorCode != 0 {
			return &Error{Op: "init producer id", Code: m.ErrorCode}
		}
		// With id -1 a batch is accepted, without idempotence.
		if m.ProducerID < 0 || m.ProducerEpoch < 0 {
			return &Error{Op: "init producer id", Code: codeCoordinatorLoading, Detail: "no id given"}
		}
		id = identity{id: m.ProducerID, epoch: m.ProducerEpoch}
		return nil
	})
	return id, err
}

// renew replaces the identity of the given generation, unless that has happened.
func (p *Producer) renew(ctx context.Context, generation int) (identity, error) {
	select {
	case <-p.renewing:
	case <-ctx.Done():
		return identity{}, ctx.Err()
	}
	defer func() { p.renewing <- struct{}{} }()
	if now := p.current(); now.generation != generation {
		return now, nil
	}
	id, err := p.c.newProducerID(ctx)
	if err != nil {
		return identity{}, err
	}
	id.generation = generation + 1
	p.c.metrics.producerRenewals.Inc()
	p.c.log.Warn("producer id renewed", "generation", id.generation)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.identity = id
	return id, nil
}

func (p *Producer) current() identity {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.identity
}

func (p *Producer) lane(tp topicPartition) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[tp]
	if l == nil {
		l = &lane{topicPartition: tp, token: make(chan struct{}, 1)}
		l.token <- struct{}{}
		p.lanes[tp] = l
	}
	return l
}

// Produce appends recs, per partition in the order given, and returns nil when every
// one is acknowledged by all in-sync replicas. What may pass (brokers starting,
// leaders moving, replicas missing, connections lost, a topic not yet known) is
// retried until ctx ends. After an error some records may have been appended: the
// caller repeats all of them. If a broker refuses the producer's sequence, a new
// producer id is taken and the batch is sent again, which may append it twice.
// ErrTooLarge and other refusals concern a record or batch as it is.
//
// Produce keeps no reference to recs. Calls that share a partition take turns.
func (p *Producer) Produce(ctx context.Context, recs []Record) error {
	if len(recs) == 0 {
		return nil
	}
	j := &job{p: p}
	defer j.release()
	if err := j.assemble(ctx, recs); err != nil {
		return fmt.Errorf("producing: %w", err)
	}
	// Always in the same order, so that two calls never wait for each other.
	slices.SortFunc(j.queues, func(a, b *queue) int {
		if c := strings.Compare(a.lane.topic, b.lane.topic); c != 0 {
			return c
		}
		return int(a.lane.partition) - int(b.lane.partition)
	})
	for i, q := range j.queues {
		select {
		case <-q.lane.token:
		case <-ctx.Done():
			unlock(j.queues[:i])
			return fmt.Errorf("producing: %w", ctx.Err())
		}
	}
	defer unlock(j.queues)
	if err := j.send(ctx); err != nil {
		return fmt.Errorf("producing: %w", err)
	}
	return nil
}

func unlock(queues []*queue) {
	for _, q := range queues {
		q.lane.token <- struct{}{}
	}
}

// queue is what one call of Produce sends to one partition, in order.
type queue struct {
	lane    *lane
	batches []*batch
	sent    int // batches acknowledged
}

// job is one call of Produce.
type job struct {
	p      *Producer
	topics []jobTopic
	queues []*queue
}

type jobTopic struct {
	name   string
	count  int      // partitions, 0 until needed
	queues []*queue // by partition, nil if none yet
}

// assemble encodes recs into packed batches.
func (j *job) assemble(ctx context.Context, recs []Record) error {
	now := j.p.c.now().UnixMilli()
	for i := range recs {
		r := &recs[i]
		q, err := j.queue(ctx, r)
		if err != nil {
			return err
		}
		size := recordBytes(r)
		if size > maxBatchBytes {
			return fmt.Errorf("record %d of %s: %d bytes: %w", i, r.Topic, size, ErrTooLarge)
		}
		b := q.last()
		if b == nil || len(b.plain)+size > j.p.c.opts.MaxBatchBytes {
			if err := j.pack(b); err != nil {
				return err
			}
			b = new(batch)
			b.reset(q.lane.topic, q.lane.partition, j.p.c.buffers.get(size))
			q.batches = append(q.batches, b)
		}
		millis := now
		if !r.Time.IsZero() {
			millis = r.Time.UnixMilli()
		}
		b.add(r, millis)
	}
	for _, q := range j.queues {
		if err := j.pack(q.last()); err != nil {
			return err
		}
	}
	return nil
}

func (q *queue) last() *batch {
	if len(q.batches) == 0 {
		return nil
	}
	return q.batches[len(q.batches)-1]
}

func (j *job) pack(b *batch) error {
	if b == nil {
		return nil
	}
	buf := j.p.c.buffers.get(0)
	isUsed, err := b.pack(j.p.c.codecs, j.p.attribute, buf)
	if !isUsed {
		j.p.c.buffers.put(buf)
		return err
	}
	// The next batch may have this memory: only the packed bytes are sent.
	j.p.c.buffers.put(b.plain)
	b.plain = nil
	return err
}

// queue finds where a record goes.
func (j *job) queue(ctx context.Context, r *Record) (*queue, error) {
	t := -1
	for i := range j.topics {
		if j.topics[i].name == r.Topic {
			t = i
			break
		}
	}
	if t < 0 {
		if r.Topic == "" {
			return nil, errors.New("record without topic")
		}
		t = len(j.topics)
		j.topics = append(j.topics, jobTopic{name: r.Topic})
	}
	topic := &j.topics[t]
	partition := r.Partition
	if partition < 0 {
		if topic.count == 0 {
			n, err := j.p.c.Partitions(ctx, r.Topic)
			if err != nil {
				return nil, err
			}
			topic.count = n
		}
		partition = PartitionFor(r.Key, topic.count)
	}
	for int(partition) >= len(topic.queues) {
		topic.queues = append(topic.queues, nil)
	}
	q := topic.queues[partition]
	if q == nil {
		q = &queue{lane: j.p.lane(topicPartition{topic: topic.name, partition: partition})}
		topic.queues[partition] = q
		j.queues = append(j.queues, q)
	}
	return q, nil
}

// release gives the buffers back, but for those an abandoned request may still read.
func (j *job) release() {
	for _, q := range j.queues {
		for _, b := range q.batches {
			if b.isShared {
				continue
			}
			if b.plain == nil {
				j.p.c.buffers.put(b.packed)
			}
			j.p.c.buffers.put(b.plain)
		}
	}
}
