package analytics

import (
	"context"
	"fmt"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// block is the stretch [from, to) of a source that is in hand. An empty one
// holds no record and stands at the offset to read next.
type block struct {
	from, to int64
	rows     rows
	age      context.Context    //nolint:containedctx // only a clock: ends when the block is old enough
	stop     context.CancelFunc // nil: the block is empty
	isLarge  bool               // holds a token of Follower.large
}

func (b *block) isEmpty() bool { return b.stop == nil }

// begin starts the clock of an empty block.
func (t *tenure) begin(ctx context.Context) {
	if t.block.isEmpty() {
		t.block.age, t.block.stop = context.WithTimeout(ctx, t.MaxAge)
	}
}

// isFull reports whether the block must be sent before another record is added.
func (t *tenure) isFull() bool {
	b := &t.block
	n := b.rows.count()
	switch {
	case n >= t.MaxRows || b.rows.bytes >= maxBlockBytes:
		return true
	case n < smallRows || b.isLarge:
		return false
	}
	select {
	case t.large <- struct{}{}:
		b.isLarge = true
		return false
	default:
		return true
	}
}

// drop forgets what is in hand; the block then stands at its end.
func (t *tenure) drop() {
	b := &t.block
	if b.stop != nil {
		b.stop()
	}
	if b.isLarge {
		<-t.large
	}
	b.rows.reset()
	*b = block{from: b.to, to: b.to, rows: b.rows}
}

// flush records the block's boundaries, inserts it and confirms it.
func (t *tenure) flush(ctx context.Context) error {
	b := &t.block
	// Boundaries of records that a power cut could take back would lie later.
	if err := t.part.Durable(ctx); err != nil {
		return fmt.Errorf("waiting for the log's disk: %w", err)
	}
	crash.Before(crash.AnalyticsRange)
	if err := t.Store.RecordBlock(ctx, t.src, b.from, b.to); err != nil {
		return fmt.Errorf("recording offsets %d to %d: %w", b.from, b.to, err)
	}
	crash.After(crash.AnalyticsRange)
	return t.send(ctx)
}

// send inserts a recorded block, however long it takes, and confirms it.
func (t *tenure) send(ctx context.Context) error {
	b := &t.block
	crash.Before(crash.AnalyticsInsert)
	if err := t.insert(ctx, t.token(), &b.rows, t.showLag); err != nil {
		return fmt.Errorf("inserting offsets %d to %d: %w", b.from, b.to, err)
	}
	crash.After(crash.AnalyticsInsert)
	crash.Before(crash.AnalyticsMark)
	if err := t.Store.ConfirmBlock(ctx, t.src, b.from, b.to); err != nil {
		return fmt.Errorf("confirming offsets %d to %d: %w", b.from, b.to, err)
	}
	crash.After(crash.AnalyticsMark)
	t.drop()
	t.worked()
	t.Metrics.lag(t.src, t.part.Lag())
	crash.Before(crash.OffsetCommit)
	if err := t.part.Commit(ctx, b.to); err != nil && ctx.Err() == nil {
		t.log.Info("the group's offset was not stored; it is only a hint", "err", err)
	}
	crash.After(crash.OffsetCommit)
	return nil
}

// token names the block for the analytics store. Offsets alone would do on a log
// that only grows; the sum tells the records of a log that was cut back and
// written anew from those that stood there before.
func (t *tenure) token() string {
	b := &t.block
	return fmt.Sprintf("%s/%s/%d/%d-%d/%016x", t.src.Cluster, t.src.Topic, t.src.Partition, b.from, b.to, b.rows.sum.Sum64())
}

// showLag tells the lag while inserts fail, when nothing is fetched.
func (t *tenure) showLag(ctx context.Context) {
	if _, end, err := t.part.Bounds(ctx); err == nil {
		t.Metrics.lag(t.src, end-t.block.from)
	}
}

// insert sends rows until they are taken or ctx ends: an analytics store that is
// away is waited for. failed is called after each failure.
func (f *Follower) insert(ctx context.Context, token string, r *rows, failed func(context.Context)) error {
	pause := bulk.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}
	for attempt := 1; ; attempt++ {
		err := f.tryInsert(ctx, token, r)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if attempt&(attempt-1) == 0 { // ever more rarely: a store may be away for days
			f.Logger.Warn("the analytics store does not take a block, trying again", "attempt", attempt, "token", token, "err", err)
		}
		failed(ctx)
		pause.Wait(ctx)
	}
}

// tryInsert sends each table's rows once.
func (f *Follower) tryInsert(ctx context.Context, token string, r *rows) error {
	for _, table := range []struct {
		name   string
		rows   int
		insert func() error
	}{
		{tableUploads, len(r.uploads), func() error { return f.Sink.InsertUploads(ctx, token, r.uploads) }},
		{tableResults, len(r.results), func() error { return f.Sink.InsertResults(ctx, token, r.results) }},
		{tableChanges, len(r.changes), func() error { return f.Sink.InsertChanges(ctx, token, r.changes) }},
	} {
		if table.rows == 0 {
			continue
		}
		started := time.Now()
		err := table.insert()
		f.Metrics.InsertSeconds.Observe(time.Since(started).Seconds())
		if err != nil {
			f.Metrics.Blocks.WithLabelValues("failed").Inc()
			return fmt.Errorf("inserting %d rows into %s: %w", table.rows, table.name, err)
		}
		f.Metrics.Blocks.WithLabelValues("inserted").Inc()
		f.Metrics.Rows.WithLabelValues(table.name).Add(float64(table.rows))
	}
	return nil
}
