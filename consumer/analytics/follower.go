package analytics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/event"
)

// Options say how the log is followed.
type Options struct {
	Sink    bulk.AnalyticsSink
	Store   bulk.AnalyticsStore
	Codec   *event.Codec
	Logger  *slog.Logger
	Metrics *Metrics
	MaxRows int           // of a block, beyond which no record is added; 0: 20,000
	MaxAge  time.Duration // of a block, from its first record; 0: 1 s
}

// Defaults: each insert makes a part on disk that has to be merged later, so
// blocks are as large as memory and the patience of dashboards allow.
const (
	defaultMaxRows = 20_000
	defaultMaxAge  = time.Second
)

// Bounds of memory. Every partition may hold a small block; only a few at once
// may go on to a large one, and the others send what they have.
const (
	smallRows     = 1_000
	largeBlocks   = 4
	maxBlockBytes = 16 << 20 // of the rows' own texts
)

// Follower copies the partitions it is given into the analytics store. Safe for
// concurrent use by several partitions.
type Follower struct {
	Options
	large   chan struct{} // a token for each large block in hand
	refills refills
}

// New returns a follower.
func New(o Options) *Follower {
	if o.MaxRows == 0 {
		o.MaxRows = defaultMaxRows
	}
	if o.MaxAge == 0 {
		o.MaxAge = defaultMaxAge
	}
	return &Follower{Options: o, large: make(chan struct{}, largeBlocks), refills: refills{turn: make(chan struct{}, 1)}}
}

// Run follows one partition of customer.changes, bulk.results or bulk.responses
// until ctx ends, then returns nil. It survives every error of log and stores.
func (f *Follower) Run(ctx context.Context, p bulk.Partition) error {
	src := p.Source()
	log := f.Logger.With("topic", src.Topic, "partition", src.Partition)
	bulk.Tenures(ctx, log, f.Metrics.Moved.Inc, func(ctx context.Context, worked func()) error {
		t := &tenure{Follower: f, part: p, src: src, log: log, worked: worked, decoder: newDecoder(f.Codec, f.Metrics)}
		defer t.drop()
		return t.run(ctx)
	})
	return nil
}

// tenure is one uninterrupted stretch of ownership: what it holds in memory is
// true until any error, and is then thrown away.
type tenure struct {
	*Follower
	part    bulk.Partition
	src     bulk.Source
	log     *slog.Logger
	worked  func() // a block went through: the next pause is short again
	decoder *decoder
	block   block
}

// run takes the partition up and follows it until an error.
func (t *tenure) run(ctx context.Context) error {
	if err := t.takeUp(ctx); err != nil {
		return err
	}
	for {
		records, next, err := t.fetch(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			rec := &records[i]
			t.begin(ctx)
			t.decoder.add(&t.block.rows, rec)
			t.block.to = rec.Offset + 1
			if t.isFull() {
				if err := t.flush(ctx); err != nil {
					return err
				}
			}
		}
		b := &t.block
		b.to = max(b.to, next)
		switch {
		case b.isEmpty(): // offsets without a record are passed over
			b.from = b.to
		case b.age.Err() != nil:
			if err := t.flush(ctx); err != nil {
				return err
			}
		}
		t.Metrics.lag(t.src, t.part.Lag()+b.to-b.from)
	}
}

// fetch returns the next records. A block whose time is up is sent meanwhile.
func (t *tenure) fetch(ctx context.Context) ([]bulk.Record, int64, error) {
	for {
		wait := ctx
		if !t.block.isEmpty() {
			wait = t.block.age
		}
		records, next, err := t.part.Fetch(wait)
		switch {
		case err == nil:
			return records, next, nil
		case ctx.Err() != nil:
			return nil, 0, ctx.Err()
		case t.block.isEmpty():
			return nil, 0, fmt.Errorf("fetching from offset %d: %w", t.block.to, err)
		case errors.Is(err, context.DeadlineExceeded):
			if err := t.flush(ctx); err != nil {
				return nil, 0, err
			}
		case errors.Is(err, bulk.ErrOffsetOutOfRange):
			// What is in hand may be gone from the log by now.
			if err := t.flush(ctx); err != nil {
				return nil, 0, err
			}
			return nil, 0, fmt.Errorf("fetching from offset %d: %w", t.block.to, err)
		default:
			return nil, 0, fmt.Errorf("fetching from offset %d: %w", t.block.to, err)
		}
	}
}
