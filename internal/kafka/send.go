package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// maxRequestBytes bounds one produce request, far below what brokers read (100 MiB).
const maxRequestBytes = 16 << 20

// send sends the batches of all queues, at a time one of each: a broker takes one
// batch per partition in a request.
func (j *job) send(ctx context.Context) error {
	var round []*batch
	var sending []*queue
	for {
		round, sending = round[:0], sending[:0]
		for _, q := range j.queues {
			if q.sent < len(q.batches) {
				round, sending = append(round, q.batches[q.sent]), append(sending, q)
			}
		}
		if len(round) == 0 {
			return nil
		}
		for i, q := range sending {
			if err := j.p.prepare(ctx, q.lane, round[i]); err != nil {
				return err
			}
		}
		if err := j.p.deliver(ctx, sending, round); err != nil {
			return err
		}
		for _, q := range sending {
			q.sent++
		}
	}
}

// prepare stamps b with the next sequence of its lane.
func (p *Producer) prepare(ctx context.Context, l *lane, b *batch) error {
	now := p.current()
	if l.isDoubtful && now.generation == l.identity.generation {
		var err error
		if now, err = p.renew(ctx, now.generation); err != nil {
			return err
		}
	}
	if now.generation != l.identity.generation {
		l.identity, l.sequence = now, 0
	}
	l.isDoubtful = false
	b.stamp(l.identity, l.sequence)
	return nil
}

// deliver sends the batches, one of each queue, until all are acknowledged, one
// fails for good, or ctx ends.
func (p *Producer) deliver(ctx context.Context, queues []*queue, batches []*batch) error {
	wait := newBackoff()
	for {
		asked := p.c.now()
		p.attempt(ctx, batches)
		pending, err := p.settle(queues, batches)
		if err != nil || pending == 0 {
			return err
		}
		last := lastFailure(batches)
		if wait.tries == 8 { // some seconds by now
			p.c.log.Warn("produce is being retried", "batches", pending, "err", last)
		}
		if ctxErr := wait.wait(ctx); ctxErr != nil {
			abandon(queues, batches)
			return fmt.Errorf("%w, last: %w", ctxErr, last)
		}
		if err := p.recover(ctx, asked, queues, batches); err != nil {
			abandon(queues, batches)
			return err
		}
		p.c.metrics.produceRetries.Add(float64(pending))
	}
}

// settle moves the lanes of acknowledged batches on and returns the number of
// batches still pending, or the first failure for good.
func (p *Producer) settle(queues []*queue, batches []*batch) (pending int, err error) {
	for i, b := range batches {
		switch b.state {
		case batchAcked:
			b.state = batchDone
			l := queues[i].lane
			l.sequence = nextSequence(l.sequence, b.count)
			p.c.metrics.producedRecords.Add(float64(b.count))
			p.c.metrics.producedBytes.Add(float64(len(b.packed)))
		case batchPending:
			pending++
		case batchFailed:
			if err == nil {
				err = b.failure
			}
		case batchDone:
		}
	}
	if err != nil {
		abandon(queues, batches)
	}
	return pending, err
}

// abandon marks the lanes of batches that were given up although they may have been
// appended.
func abandon(queues []*queue, batches []*batch) {
	for i, b := range batches {
		if b.state != batchDone && b.isInDoubt {
			queues[i].lane.isDoubtful = true
		}
	}
}

func lastFailure(batches []*batch) error {
	for _, b := range batches {
		if b.state == batchPending && b.failure != nil {
			return b.failure
		}
	}
	return errors.New("no leader")
}

// recover prepares the pending batches for the next attempt: it learns the leaders
// and renews a refused identity.
func (p *Producer) recover(ctx context.Context, asked time.Time, queues []*queue, batches []*batch) error {
	var topics []string
	for i, b := range batches {
		if b.state != batchPending {
			continue
		}
		if isStaleProducer(b.failedCode) {
			id, err := p.renew(ctx, b.identity.generation)
			if err != nil {
				return err
			}
			l := queues[i].lane
			l.identity, l.sequence, b.isInDoubt = id, 0, false
			b.stamp(id, 0)
		}
		topics = append(topics, b.topic)
	}
	if err := p.c.refresh(ctx, asked, topics...); err != nil && !isTransient(err) {
		return err
	}
	return nil
}

// attempt sends every pending batch once, in as few requests as possible, and notes
// in each what came of it.
func (p *Producer) attempt(ctx context.Context, batches []*batch) {
	byLeader := map[int32][]*batch{}
	for _, b := range batches {
		if b.state != batchPending {
			continue
		}
		leader := p.c.cluster.leader(b.topic, b.partition)
		if leader == noLeader {
			b.failedCode = codeLeaderNotAvailable
			b.failure = &Error{Op: "produce", Topic: b.topic, Partition: b.partition, Code: codeLeaderNotAvailable}
			continue
		}
		byLeader[leader] = append(byLeader[leader], b)
	}
	if len(byLeader) == 1 {
		for leader, mine := range byLeader {
			p.sendToLeader(ctx, leader, mine)
		}
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for leader, mine := range byLeader {
		wg.Go(func() { p.sendToLeader(ctx, leader, mine) })
	}
}

// sendToLeader sends the batches to one broker, in requests of bounded size.
func (p *Producer) sendToLeader(ctx context.Context, leader int32, batches []*batch) {
	for len(batches) > 0 {
		n, size := 0, 0
		for n < len(batches) && (n == 0 || size+len(batches[n].packed) <= maxRequestBytes) {
			size += len(batches[n].packed)
			n++
		}
		p.request(ctx, leader, batches[:n])
		batches = batches[n:]
	}
}

// request sends one produce request and matches its answer to the batches.
func (p *Producer) request(ctx context.Context, leader int32, batches []*batch) {
	addr := p.c.cluster.address(leader)
	if addr == nil {
		failAll(batches, &Error{Op: "produce", Code: codeBrokerNotAvailable}, false)
		return
	}
	attemptCtx, cancel := context.WithTimeout(ctx, p.c.opts.RequestTimeout)
	defer cancel()
	res, err := p.c.roundTrip(attemptCtx, addr, &exchange{
		request:  produceRequest(batches, p.c.opts.RequestTimeout*3/4),
		clientID: p.c.opts.ClientID,
		id:       p.c.lastID.Add(1),
	})
	if err != nil {
		p.c.metrics.produceRequests.WithLabelValues("failed").Inc()
		// Cut short, the request goes on without us and reads the batches.
		failAll(batches, fmt.Errorf("produce: %w", err), attemptCtx.Err() != nil)
		return
	}
	a, _ := res.(answer)
	m, ok := a.Message.(*produce.Response)
	if !ok {
		failAll(batches, fmt.Errorf("produce: unexpected answer of type %T", res), false)
		return
	}
	if matchAnswer(batches, m) {
		p.c.metrics.produceRequests.WithLabelValues("ok").Inc()
	} else {
		p.c.metrics.produceRequests.WithLabelValues("refused").Inc()
	}
}

// failAll notes an error that says nothing about whether the batches were appended.
func failAll(batches []*batch, err error, isShared bool) {
	for _, b := range batches {
		b.failure, b.failedCode, b.isInDoubt = err, 0, true
		b.isShared = b.isShared || isShared
		if !isTransient(err) {
			b.state = batchFailed
		}
	}
}

func produceRequest(batches []*batch, timeout time.Duration) *rawproduce.Request {
	req := &rawproduce.Request{Acks: -1, Timeout: millis(timeout)}
	for _, b := range batches {
		// Batches come sorted by topic.
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != b.topic {
			req.Topics = append(req.Topics, rawproduce.RequestTopic{Topic: b.topic})
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, rawproduce.RequestPartition{
			Partition: b.partition,
			RecordSet: protocol.RawRecordSet{Reader: bytes.NewReader(b.packed)},
		})
	}
	return req
}

// matchAnswer notes each partition's code, by its number: brokers answer in another
// order than asked. It reports whether all batches were acknowledged.
func matchAnswer(batches []*batch, m *produce.Response) bool {
	codes := make(map[topicPartition]*produce.ResponsePartition, len(batches))
	for i := range m.Topics {
		t := &m.Topics[i]
		for k := range t.Partitions {
			codes[topicPartition{t.Topic, t.Partitions[k].Partition}] = &t.Partitions[k]
		}
	}
	isOK := true
	for _, b := range batches {
		r := codes[topicPartition{b.topic, b.partition}]
		if r == nil {
			isOK = false
			failAll([]*batch{b}, errors.New("produce: partition missing in the answer"), false)
			continue
		}
		if r.ErrorCode == 0 || r.ErrorCode == codeDuplicateSequence {
			b.state = batchAcked
			continue
		}
		isOK = false
		b.failedCode = r.ErrorCode
		b.failure = &Error{Op: "produce", Topic: b.topic, Partition: b.partition, Code: r.ErrorCode, Detail: r.ErrorMessage}
		b.isInDoubt = b.isInDoubt || mayHaveAppended(r.ErrorCode)
		if !isRetriable(r.ErrorCode) && !isStaleProducer(r.ErrorCode) {
			b.state = batchFailed
		}
	}
	return isOK
}
