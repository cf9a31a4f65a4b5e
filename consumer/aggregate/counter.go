package aggregate

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/crash"
	"sluice/internal/event"
)

// CounterOptions say how results are counted.
type CounterOptions struct {
	Store     bulk.AggregateStore
	Publisher bulk.Publisher // of dead letters
	Codec     *event.Codec
	Logger    *slog.Logger
	Metrics   *Metrics
	Counted   func()                 // called after rows were counted; may be nil
	Completed func(uploads []string) // called when uploads are ready to finish; may be nil
}

// batchRecords bounds one transaction; a record holds the results of a batch of apply.
const batchRecords = 64

// Counter counts the results of the partitions it is given. Safe for concurrent
// use by several partitions.
type Counter struct {
	o CounterOptions
}

// NewCounter returns a counter.
func NewCounter(o CounterOptions) *Counter { return &Counter{o} }

// Run counts one partition until ctx ends, then returns nil.
func (c *Counter) Run(ctx context.Context, p bulk.Partition) error {
	src := p.Source()
	log := c.o.Logger.With("topic", src.Topic, "partition", src.Partition)
	defer c.o.Metrics.Lag.DeleteLabelValues(partitionLabel(src)) // the next owner tells it
	bulk.Tenures(ctx, log, c.o.Metrics.Moved.Inc, func(ctx context.Context, worked func()) error {
		prog, err := bulk.TakeUp(ctx, c.o.Store, p, log)
		if err != nil {
			return err
		}
		p.SeekTo(prog.Next)
		return c.work(ctx, p, prog.Next, worked)
	})
	return nil
}

// work counts from an offset on until an error.
func (c *Counter) work(ctx context.Context, p bulk.Partition, at int64, worked func()) error {
	for {
		records, next, err := p.Fetch(ctx)
		if err != nil {
			return fmt.Errorf("fetching from offset %d: %w", at, err)
		}
		for len(records) > 0 {
			n := min(len(records), batchRecords)
			end := next
			if n < len(records) {
				end = records[n].Offset
			}
			if err := c.batch(ctx, p, records[:n], at, end); err != nil {
				return fmt.Errorf("counting offsets %d to %d: %w", at, end, err)
			}
			at, records = end, records[n:]
		}
		worked()
		c.o.Metrics.Lag.WithLabelValues(partitionLabel(p.Source())).Set(float64(p.Lag()))
		crash.Before(crash.OffsetCommit)
		if err := p.Commit(ctx, at); err != nil && ctx.Err() == nil {
			c.o.Logger.Info("the group's offset was not stored; it is only a hint", "err", err)
		}
		crash.After(crash.OffsetCommit)
	}
}

// batch counts one batch in one transaction.
func (c *Counter) batch(ctx context.Context, p bulk.Partition, records []bulk.Record, at, next int64) error {
	t := &tallier{codec: c.o.Codec}
	letters := t.begin(records)
	if len(letters) > 0 {
		if err := c.o.Publisher.Publish(ctx, letters); err != nil {
			return fmt.Errorf("publishing dead letters: %w", err)
		}
		c.o.Logger.Warn("results could not be read and are dead letters now; their uploads are sent again",
			"topic", p.Source().Topic, "partition", p.Source().Partition, "offset", at, "records", len(letters))
	}
	if err := p.Durable(ctx); err != nil {
		return fmt.Errorf("waiting for the log's disk: %w", err)
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	b := bulk.AggregateBatch{Source: p.Source(), From: at, Next: next, Uploads: t.uploads}
	if err := c.o.Store.Aggregate(work, &b, t.decide); err != nil {
		return err
	}
	c.o.Metrics.count(t, len(letters))
	if c.o.Counted != nil {
		c.o.Counted()
	}
	if c.o.Completed != nil && len(t.complete) > 0 {
		c.o.Completed(t.complete)
	}
	return nil
}

// Watch flags uploads that stand still for resend until ctx ends.
func (c *Counter) Watch(ctx context.Context, stallSeconds int) error {
	t := time.NewTicker(time.Duration(max(stallSeconds/6, 1)) * time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		n, err := c.o.Store.FlagStalled(ctx, stallSeconds)
		switch {
		case err != nil && ctx.Err() == nil:
			c.o.Logger.Warn("cannot look for uploads that stand still", "err", err)
		case n > 0:
			c.o.Metrics.Resent.Add(float64(n))
			c.o.Logger.Warn("uploads stood still and are sent again", "uploads", n, "seconds", stallSeconds)
		}
	}
}
