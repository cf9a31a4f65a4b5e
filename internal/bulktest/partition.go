package bulktest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"sluice/internal/bulk"
)

// Partition reads one partition of a Log; it implements bulk.Partition. Any
// number of them may read the same one, as owners that do not know of each other.
type Partition struct {
	// Dice choose how much a Fetch returns and whether it begins too early; nil:
	// everything there is, from where it stands.
	Dice *Dice
	// Unreadable is the probability that a Fetch passes over some records, as a
	// reader does with a damaged batch that nothing makes readable again.
	Unreadable float64
	// Before, if not nil, is called at the beginning of each method ("bounds",
	// "fetch", "durable", "commit"); its error is the method's.
	Before func(ctx context.Context, op string) error

	log       *Log
	src       bulk.Source
	at        int64
	end       int64
	lent      []bulk.Record // by the last Fetch
	committed atomic.Int64
}

// Partition makes a reader that stands at offset 0.
func (l *Log) Partition(topic string, partition int32) *Partition {
	return &Partition{log: l, src: bulk.Source{Cluster: l.Cluster(), Topic: topic, Partition: partition}}
}

// Source implements bulk.Partition. It names the cluster there was when the
// reader was made.
func (p *Partition) Source() bulk.Source { return p.src }

func (p *Partition) before(ctx context.Context, op string) error {
	if p.Before == nil {
		return nil
	}
	return p.Before(ctx, op)
}

// Bounds implements bulk.Partition.
func (p *Partition) Bounds(ctx context.Context) (first, end int64, err error) {
	if err := p.before(ctx, "bounds"); err != nil {
		return 0, 0, err
	}
	first, end = p.log.Bounds(p.src.Topic, p.src.Partition)
	return first, end, nil
}

// SeekTo implements bulk.Partition.
func (p *Partition) SeekTo(offset int64) { p.at = offset }

// maxRewind is how many records too early a Fetch may begin.
const maxRewind = 5

// Fetch implements bulk.Partition. It destroys what the last one returned: whoever
// keeps records must copy them.
func (p *Partition) Fetch(ctx context.Context) ([]bulk.Record, int64, error) {
	for i := range p.lent {
		clear(p.lent[i].Key)
		clear(p.lent[i].Value)
		for _, h := range p.lent[i].Headers {
			clear(h.Value)
		}
	}
	p.lent = nil
	for {
		if err := p.before(ctx, "fetch"); err != nil {
			return nil, 0, err
		}
		records, changed, err := p.take()
		switch {
		case err != nil:
			return nil, 0, err
		case len(records) > 0:
			p.lent = copies(records)
			return p.lent, p.at, nil
		case changed == nil: // all of it was passed over
			continue
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-changed:
		}
	}
}

// take returns some records from where the reader stands, or what to wait for.
func (p *Partition) take() ([]bulk.Record, <-chan struct{}, error) {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	if p.log.cluster != p.src.Cluster {
		return nil, nil, fmt.Errorf("cluster %s is gone", p.src.Cluster)
	}
	part := p.log.topics[p.src.Topic][p.src.Partition]
	p.end = part.end()
	if p.at < part.first || p.at > p.end {
		return nil, nil, fmt.Errorf("offset %d outside [%d, %d): %w", p.at, part.first, p.end, bulk.ErrOffsetOutOfRange)
	}
	from := p.at - part.first
	there := len(part.records) - int(from)
	if there == 0 {
		return nil, p.log.changed, nil
	}
	n := there
	if p.Dice != nil {
		n = p.Dice.Between(1, there)
	}
	upTo := from + int64(n)
	if p.Dice.Chance(0.05) {
		from = max(0, from-int64(p.Dice.Between(1, maxRewind)))
	}
	p.at = part.first + upTo
	records := part.records[from:upTo:upTo]
	if p.Dice.Chance(p.Unreadable) {
		i := p.Dice.Intn(len(records))
		records = slices.Delete(slices.Clone(records), i, min(len(records), i+p.Dice.Between(1, 3)))
	}
	return records, nil, nil
}

// Lag implements bulk.Partition.
func (p *Partition) Lag() int64 { return p.end - p.at }

// Durable implements bulk.Partition.
func (p *Partition) Durable(ctx context.Context) error { return p.before(ctx, "durable") }

// Commit implements bulk.Partition.
func (p *Partition) Commit(ctx context.Context, next int64) error {
	if err := p.before(ctx, "commit"); err != nil {
		return err
	}
	p.committed.Store(next)
	return nil
}

// Committed returns what Commit was told last.
func (p *Partition) Committed() int64 { return p.committed.Load() }

// copies are records whose bytes are the caller's.
func copies(records []bulk.Record) []bulk.Record {
	out := make([]bulk.Record, len(records))
	for i := range records {
		out[i] = copyOf(&records[i])
	}
	return out
}
