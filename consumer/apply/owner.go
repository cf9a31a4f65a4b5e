package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/crash"
	"sluice/internal/event"
)

// Options say how an owner works.
type Options struct {
	Store     bulk.ApplyStore
	Publisher bulk.Publisher
	Codec     *event.Codec
	Now       func() time.Time
	Logger    *slog.Logger
	Metrics   *Metrics
	BatchRows int // rows of one transaction at most; 0: 1,000
	Parallel  int // batches of all partitions in hand at once, which bounds memory; 0: 4
}

// defaultParallel is where more transactions at once stop paying on two cores.
const defaultParallel = 4

// defaultBatchRows is where a larger batch stops paying: the transaction's fixed
// cost is spread thin and the batch still fits in memory many times over.
const defaultBatchRows = 1_000

// maxBatchBytes ends a batch of large rows early, so that a batch's memory is
// bounded by bytes too.
const maxBatchBytes = 4 << 20

// maxGather is how long the first row of a batch waits for others at most.
const maxGather = 25 * time.Millisecond

// maxResultBytes keeps a result event under the log's limit of 900 KB, headers
// and framing included.
const maxResultBytes = 800 << 10

// idleBeforeMark is how long the log must be quiet before the published mark is
// written in a transaction of its own; under load the next batch carries it.
const idleBeforeMark = 200 * time.Millisecond

// Owner applies the rows of the partitions it is given. Safe for concurrent use
// by several partitions.
type Owner struct {
	Options
	turns    chan struct{} // as many as Parallel; a partition with records takes one for a batch
	sending  chan struct{} // likewise, of batches being published
	folders  sync.Pool     // of *folder; the one used last comes first
	builders sync.Pool     // of *event.Builder whose records are published
}

// New returns an owner.
func New(o Options) *Owner {
	if o.BatchRows == 0 {
		o.BatchRows = defaultBatchRows
	}
	if o.Parallel == 0 {
		o.Parallel = defaultParallel
	}
	owner := &Owner{Options: o, turns: make(chan struct{}, o.Parallel), sending: make(chan struct{}, o.Parallel)}
	owner.builders.New = func() any { return o.Codec.NewBuilder() }
	owner.folders.New = func() any { return new(folder) }
	return owner
}

// Run applies one partition until ctx ends, then returns nil. It survives every
// error of store and log: it forgets what it knew, reads progress again and goes on.
func (o *Owner) Run(ctx context.Context, p bulk.Partition) error {
	src := p.Source()
	log := o.Logger.With("topic", src.Topic, "partition", src.Partition)
	defer o.Metrics.Lag.DeleteLabelValues(partitionLabel(src)) // the next owner tells it
	bulk.Tenures(ctx, log, o.Metrics.Moved.Inc, func(ctx context.Context, worked func()) error {
		t := &tenure{Owner: o, part: p, src: src, log: log, worked: worked}
		return t.run(ctx)
	})
	return nil
}

// tenure is one uninterrupted stretch of ownership: what it holds in memory is
// true until any error, and is then thrown away.
type tenure struct {
	*Owner
	part   bulk.Partition
	src    bulk.Source
	log    *slog.Logger
	worked func() // a batch went through: the next pause is short again

	prog      bulk.Progress
	publishes chan outcome // the publish in flight, if any
	stored    int64        // published mark as the store has it

	rest     []bulk.Record // fetched and not yet in a batch
	restNext int64         // offset after them
}

// outcome is how the publish of a journal row ended.
type outcome struct {
	seq     int64
	builder *event.Builder // of the records
	err     error
}

// run takes the partition up where the store says and works until an error.
func (t *tenure) run(ctx context.Context) (err error) {
	defer func() {
		if t.publishes != nil { // its records alias our buffers: never leave it behind
			<-t.publishes
		}
	}()
	if err := t.resume(ctx); err != nil {
		return err
	}
	for {
		if err := t.turn(ctx); err != nil {
			return err
		}
		t.worked()
		t.Metrics.Lag.WithLabelValues(partitionLabel(t.src)).Set(float64(t.part.Lag() + int64(len(t.rest))))
	}
}

// turn waits for records and applies one batch of them.
func (t *tenure) turn(ctx context.Context) (err error) {
	for len(t.rest) == 0 {
		if t.rest, t.restNext, err = t.fetch(ctx); err != nil {
			return err
		}
		if len(t.rest) == 0 { // nothing but markers the client skipped
			t.prog.Next = max(t.prog.Next, t.restNext)
		}
	}
	select {
	case t.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.turns }()
	f, _ := t.folders.Get().(*folder)
	defer t.folders.Put(f)
	next, err := t.gather(ctx, f)
	if err != nil {
		return err
	}
	return t.batch(ctx, f, next)
}

// gather fills a batch with the records in hand and those that arrive while the
// log makes them durable: progress may not run ahead of what survives a power
// cut. Next is the offset after the batch.
func (t *tenure) gather(ctx context.Context, f *folder) (next int64, err error) {
	f.begin(t.Owner, t.src)
	began := time.Now()
	for {
		n := 0
		for n < len(t.rest) && len(f.rows) < t.BatchRows && (len(f.rows) == 0 || f.bytes < maxBatchBytes) {
			f.add(&t.rest[n])
			n++
		}
		t.rest = t.rest[n:]
		next = t.restNext
		if len(t.rest) > 0 {
			next = t.rest[0].Offset
		}
		if err := t.part.Durable(ctx); err != nil {
			return 0, fmt.Errorf("waiting for the log's disk: %w", err)
		}
		if len(t.rest) > 0 || len(f.rows) == t.BatchRows || f.bytes >= maxBatchBytes || time.Since(began) > maxGather {
			return next, nil
		}
		if t.rest, t.restNext, err = t.poll(ctx); err != nil {
			return 0, err
		}
		if len(t.rest) == 0 {
			return next, nil
		}
	}
}

// poll returns the records that are there already, if any.
func (t *tenure) poll(ctx context.Context) ([]bulk.Record, int64, error) {
	now, cancel := context.WithDeadline(ctx, time.Time{})
	defer cancel()
	records, next, err := t.part.Fetch(now)
	switch {
	case err == nil:
		return records, next, nil
	case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
		return nil, 0, fmt.Errorf("fetching after offset %d: %w", t.prog.Next, err)
	}
	return nil, 0, nil
}

// resume reads progress, publishes the journal's unpublished tail and seeks.
func (t *tenure) resume(ctx context.Context) error {
	prog, err := bulk.TakeUp(ctx, t.Store, t.part, t.log)
	if err != nil {
		return err
	}
	t.prog, t.stored = prog, prog.Published
	if err := t.publishTail(ctx); err != nil {
		return err
	}
	t.part.SeekTo(prog.Next)
	return nil
}

// publishTail publishes the journal rows that an earlier owner committed and may
// not have published.
func (t *tenure) publishTail(ctx context.Context) error {
	const page = 16
	for t.prog.Published < t.prog.Seq {
		rows, err := t.Store.Unpublished(ctx, t.src, t.prog.Published, page)
		if err != nil {
			return fmt.Errorf("reading the unpublished journal: %w", err)
		}
		if len(rows) == 0 {
			return fmt.Errorf("journal rows %d to %d are missing", t.prog.Published+1, t.prog.Seq)
		}
		for i := range rows {
			if err := publishJournal(ctx, t.Publisher, rows[i].Body, nil); err != nil {
				return fmt.Errorf("publishing journal row %d: %w", rows[i].Seq, err)
			}
			t.prog.Published = rows[i].Seq
		}
	}
	return t.storeMark(ctx)
}

// storeMark writes the published mark if the store is behind.
func (t *tenure) storeMark(ctx context.Context) error {
	if t.stored >= t.prog.Published {
		return nil
	}
	if err := t.Store.MarkPublished(ctx, t.src, t.prog.Published); err != nil {
		return fmt.Errorf("marking the journal as published: %w", err)
	}
	t.stored = t.prog.Published
	return nil
}

// fetch returns the next records. When the log falls quiet it ends the publish in
// flight and stores the mark and the group's offset.
func (t *tenure) fetch(ctx context.Context) ([]bulk.Record, int64, error) {
	for {
		quiet, cancel := ctx, context.CancelFunc(func() {})
		if t.publishes != nil || t.stored < t.prog.Published {
			quiet, cancel = context.WithTimeout(ctx, idleBeforeMark)
		}
		records, next, err := t.part.Fetch(quiet)
		cancel()
		switch {
		case err == nil:
			return records, next, nil
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return nil, 0, fmt.Errorf("fetching from offset %d: %w", t.prog.Next, err)
		}
		if err := t.awaitPublish(); err != nil {
			return nil, 0, err
		}
		if err := t.storeMark(ctx); err != nil {
			return nil, 0, err
		}
		crash.Before(crash.OffsetCommit)
		if err := t.part.Commit(ctx, t.prog.Next); err != nil {
			t.log.Info("the group's offset was not stored; it is only a hint", "err", err)
		}
		crash.After(crash.OffsetCommit)
	}
}

// batch applies the gathered batch and starts to publish it.
func (t *tenure) batch(ctx context.Context, f *folder, next int64) error {
	started := time.Now()
	b := bulk.ApplyBatch{
		Source: t.src, From: t.prog.Next, Next: next, Seq: t.prog.Seq + 1,
		Uploads: f.uploads, Keys: f.keys, Published: t.prog.Published,
	}
	// The transaction in hand is ended even when ownership is: the next owner
	// would otherwise wait for the database to notice.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := t.apply(work, f, &b); err != nil {
		return fmt.Errorf("applying offsets %d to %d: %w", b.From, b.Next, err)
	}
	t.prog.Next = next
	t.stored = max(t.stored, b.Published)
	t.Metrics.count(f)
	if f.tally.letters > 0 {
		t.log.Warn("records could not be read and are dead letters now", "records", f.tally.letters, "offset", b.From)
	}
	t.Metrics.Seconds.Observe(time.Since(started).Seconds())
	if len(f.out.Records()) == 0 {
		return nil
	}
	t.prog.Seq = b.Seq
	return t.publish(ctx, f.takeRecords(), b.Seq)
}

// apply runs the transaction. A refusal is tried once more as it is, since a
// reference taken meanwhile shows itself on the second reading; after that the
// refused customers' rows fail.
func (t *tenure) apply(ctx context.Context, f *folder, b *bulk.ApplyBatch) error {
	for attempt := 0; ; attempt++ {
		err := t.Store.Apply(ctx, b, f.decide)
		var refused *bulk.RefusedError
		if !errors.As(err, &refused) {
			return err
		}
		if attempt > 0 {
			for _, c := range refused.Customers {
				f.refuse(c)
				t.log.Warn("the store refuses a customer, its rows fail", "reason", c.Reason)
			}
		}
		if attempt > len(f.rows) {
			return err
		}
	}
}

// publish waits for the publish in flight and starts the next: one batch is
// published while the next is applied.
func (t *tenure) publish(ctx context.Context, records *event.Builder, seq int64) error {
	if err := t.awaitPublish(); err != nil {
		return err
	}
	select {
	case t.sending <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan outcome, 1)
	t.publishes = done
	go func() { // awaited by awaitPublish, or by run when it ends
		defer func() { <-t.sending }()
		crash.Before(crash.JournalPublish)
		err := t.Publisher.Publish(ctx, records.Records())
		crash.After(crash.JournalPublish)
		done <- outcome{seq, records, err}
	}()
	return nil
}

// awaitPublish ends the publish in flight.
func (t *tenure) awaitPublish() error {
	if t.publishes == nil {
		return nil
	}
	out := <-t.publishes
	t.publishes = nil
	if out.err != nil {
		return fmt.Errorf("publishing journal row %d: %w", out.seq, out.err)
	}
	t.builders.Put(out.builder)
	t.prog.Published = out.seq
	return nil
}
