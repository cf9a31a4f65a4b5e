package kafka

import (
	"context"
	"errors"
	"fmt"
)

// corruptTries is how often a batch that cannot be read is fetched anew before the
// damage is reported.
const corruptTries = 3

// Batch is what Fetch returns: the records of one or more whole record batches.
// Records alias buffers that are valid until Release or the next Fetch.
type Batch struct {
	Records   []Record
	Next      int64 // offset after the batch; it may pass offsets that hold no record
	HighWater int64 // end of the partition when it was fetched
	LogStart  int64 // its first offset then, or -1 if the broker does not say

	p *Partition
}

// Release gives the buffers back early. It may be repeated.
func (b *Batch) Release() {
	if b.p != nil {
		b.p.release()
		b.p, b.Records = nil, nil
	}
}

// Partition is one partition that this process reads. Its methods are for one
// goroutine at a time.
type Partition struct {
	c          *Client
	fetcher    *fetcher
	feed       *feed
	generation int32
	committed  int64
	commit     func(ctx context.Context, next int64) error // nil outside of a group

	decoder   batchDecoder
	chunk     *chunk
	rest      []byte // of chunk, not yet decoded
	isSought  bool
	next      int64 // offset the next record has at least
	corruptAt int64 // the offset that corrupt counts for
	corrupt   int
}

func newPartition(f *fetcher, tp topicPartition, maxBytes int) *Partition {
	return &Partition{
		c: f.c, fetcher: f, feed: f.add(tp, maxBytes), committed: -1,
		decoder: batchDecoder{codecs: f.c.codecs, topic: tp.topic, part: tp.partition},
	}
}

// close gives all buffers back and ends the fetching.
func (p *Partition) close() {
	p.dropChunk()
	p.fetcher.remove(p.feed)
}

// Topic returns the partition's topic.
func (p *Partition) Topic() string { return p.feed.topic }

// ID returns the partition's number in its topic.
func (p *Partition) ID() int32 { return p.feed.partition }

// Committed returns the offset that the group last committed, -1 if none.
func (p *Partition) Committed() int64 { return p.committed }

// Generation returns the group's generation, which grows with each rebalance, or -1
// outside of a group.
func (p *Partition) Generation() int32 { return p.generation }

// Bounds returns the first offset that the partition holds and the one after its
// last.
func (p *Partition) Bounds(ctx context.Context) (first, end int64, err error) {
	return p.c.Offsets(ctx, p.Topic(), p.ID())
}

// SeekTo makes offset the first that the next Fetch returns. Without it the first
// Fetch begins at the committed offset, or else at the start of the log.
func (p *Partition) SeekTo(offset int64) {
	p.dropChunk()
	p.isSought = true
	p.next = offset
	p.fetcher.seek(p.feed, offset)
}

func (p *Partition) dropChunk() {
	p.rest = nil
	p.release()
}

// release gives back the buffers of the batch returned last.
func (p *Partition) release() {
	p.decoder.reset()
	if p.chunk != nil && len(p.rest) == 0 {
		p.c.buffers.put(p.chunk.buf)
		p.chunk = nil
	}
}

// Fetch returns the next records, at least one; it waits for them until ctx ends.
// It returns ErrOffsetOutOfRange if the log does not hold the offset, and ErrCorrupt
// if a batch stays unreadable; after either the caller decides where to SeekTo. What
// may pass is retried.
func (p *Partition) Fetch(ctx context.Context) (*Batch, error) {
	p.release()
	if !p.isSought {
		if err := p.seekDefault(ctx); err != nil {
			return nil, err
		}
	}
	for {
		if len(p.rest) == 0 {
			if err := p.takeChunk(ctx); err != nil {
				return nil, err
			}
			if len(p.rest) == 0 {
				continue
			}
		}
		highWater, logStart := p.chunk.highWater, p.chunk.logStart
		if err := p.decode(); err != nil && len(p.decoder.records) == 0 {
			if err := p.onCorrupt(err); err != nil {
				return nil, err
			}
			continue
		}
		if n := len(p.decoder.records); n > 0 {
			p.c.metrics.consumedRecords.Add(float64(n))
			return &Batch{Records: p.decoder.records, Next: p.next, HighWater: highWater, LogStart: logStart, p: p}, nil
		}
		p.release()
	}
}

func (p *Partition) seekDefault(ctx context.Context) error {
	if p.committed >= 0 {
		p.SeekTo(p.committed)
		return nil
	}
	first, _, err := p.Bounds(ctx)
	if err != nil {
		return err
	}
	p.SeekTo(first)
	return nil
}

// takeChunk waits for the next chunk, or for an error that the caller must see.
func (p *Partition) takeChunk(ctx context.Context) error {
	ch, err := p.fetcher.take(ctx, p.feed)
	if err == nil {
		p.chunk, p.rest = ch, ch.data
		return nil
	}
	var refused *Error
	var corrupt *CorruptError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused) && refused.Code == codeOffsetOutOfRange:
		return p.onOutOfRange(ctx)
	case errors.As(err, &refused) && refused.Code == codeCorruptMessage:
		return p.onCorrupt(&CorruptError{Topic: p.Topic(), Partition: p.ID(), Offset: p.next, Next: p.next + 1, Err: err})
	case errors.As(err, &corrupt):
		return p.onCorrupt(corrupt)
	}
	return err
}

// onOutOfRange asks for the bounds, which the fetch answer does not tell. An offset
// within them was refused by a new leader that had not caught up: it is asked for again.
func (p *Partition) onOutOfRange(ctx context.Context) error {
	first, end, err := p.Bounds(ctx)
	if err != nil {
		return err
	}
	if p.next >= first && p.next <= end {
		if err := pause(ctx, lastLaneWait); err != nil {
			return err
		}
		p.SeekTo(p.next)
		return nil
	}
	return &OffsetOutOfRangeError{Topic: p.Topic(), Partition: p.ID(), Offset: p.next, LogStart: first, End: end}
}

// decode decodes batches of the chunk until there are enough bytes for one Fetch.
func (p *Partition) decode() error {
	enough := int(p.feed.least)
	used := 0
	for len(p.rest) > 0 && used+len(p.decoder.plain) < enough {
		size, after, err := batchSize(p.rest)
		if err != nil || size == 0 || size > len(p.rest) {
			return corruptAt(p.Topic(), p.ID(), p.next, p.rest, errors.Join(err, errLength))
		}
		if after > p.next {
			if err := p.decoder.decode(p.rest[:size], p.next); err != nil {
				return corruptAt(p.Topic(), p.ID(), p.next, p.rest, err)
			}
			p.next = after
		}
		used += size
		p.rest = p.rest[size:]
	}
	return nil
}

// onCorrupt fetches a damaged batch anew, and returns err if it stays damaged.
func (p *Partition) onCorrupt(err error) error {
	if p.corruptAt != p.next {
		p.corruptAt, p.corrupt = p.next, 0
	}
	p.corrupt++
	p.SeekTo(p.next)
	if p.corrupt < corruptTries {
		return nil
	}
	p.corrupt = 0
	return fmt.Errorf("fetching: %w", err)
}

// Commit notes next as the offset where the group goes on. It is a hint for tools
// that show lag, and may be ignored when it fails: what was processed is known
// elsewhere. But ErrLost means that the partition belongs to another member by now.
func (p *Partition) Commit(ctx context.Context, next int64) error {
	if p.commit == nil {
		return fmt.Errorf("committing %s/%d: not read by a group", p.Topic(), p.ID())
	}
	if err := p.commit(ctx, next); err != nil {
		return fmt.Errorf("committing %s/%d: %w", p.Topic(), p.ID(), err)
	}
	p.committed = next
	return nil
}
