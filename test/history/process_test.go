package history_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sluice/consumer/aggregate"
	"sluice/consumer/apply"
	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/kafka"
	"sluice/internal/tabular"
	"sluice/producer/intake"
	"sluice/producer/split"
)

var (
	errDead     = errors.New("the process is dead")
	errInjected = errors.New("made to fail")
)

const (
	leaseTTL     = 3 * time.Second
	jobPoll      = 400 * time.Millisecond
	stallSeconds = 6
)

// process is one run of the binary: everything it holds in memory ends with it.
type process struct {
	w      *world
	name   string
	ctx    context.Context //nolint:containedctx // it is the life of the process
	cancel context.CancelFunc
	dead   atomic.Bool
	// frozenUntil is a time in nanoseconds since 1970, mostly long past.
	frozenUntil atomic.Int64
	dice        *bulktest.Dice
	wg          sync.WaitGroup

	store    *bulktest.Store
	splitter *split.Splitter
	counter  *aggregate.Counter
	owner    *apply.Owner
	wakes    map[bulk.JobKind]bulk.Signal
}

// start begins a process with all roles but the partitions, which rotate.
func (w *world) start(ctx context.Context, n int) *process {
	incarnation := w.incarnations.Add(1)
	p := &process{w: w, name: fmt.Sprintf("process-%d-%d", n, incarnation), dice: w.dice.Fork()}
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.store = &bulktest.Store{
		Inner: w.store, Around: p.around,
		Veto: func(string) error {
			if p.dead.Load() || p.dice.Chance(w.storm().errorBefore) {
				return errInjected
			}
			return nil
		},
		Twice: func() bool { return p.dice.Chance(w.storm().errorBefore) },
	}
	p.wakes = map[bulk.JobKind]bulk.Signal{bulk.JobSplit: bulk.NewSignal(), bulk.JobFinish: bulk.NewSignal(), bulk.JobRepublish: bulk.NewSignal()}
	log := w.log.With("process", p.name)
	p.splitter = split.New(split.Options{
		Store: p.store, Files: p.files(), Publisher: publisher{p}, Codec: w.codec, Limits: tabular.DefaultLimits(),
		Partitions:   func(context.Context) (int32, error) { return w.events.Partitions(bulk.TopicUpdates), nil },
		PartitionFor: kafka.PartitionFor, WindowRows: 100_000, WindowBytes: 64 << 20,
		Logger: log, Metrics: w.metrics.split,
	})
	p.owner = apply.New(apply.Options{
		Store: p.store, Publisher: publisher{p}, Codec: w.codec, Now: time.Now, Logger: log, Metrics: w.metrics.apply,
		BatchRows: p.dice.Between(1, 40),
	})
	p.counter = aggregate.NewCounter(aggregate.CounterOptions{
		Store: p.store, Publisher: publisher{p}, Codec: w.codec, Logger: log, Metrics: w.metrics.aggregate,
		Counted: p.splitter.Counted, Completed: func([]string) { p.wakes[bulk.JobFinish].Notify() },
	})
	finisher := aggregate.NewFinisher(aggregate.FinisherOptions{
		Store: p.store, Files: p.files(), Publisher: publisher{p}, Codec: w.codec, Limits: tabular.DefaultLimits(),
		Signer: w.signer, Now: time.Now, Logger: log, Metrics: w.metrics.aggregate,
	})
	again := &apply.Republisher{Journal: p.store, Publisher: publisher{p}}
	p.jobs(bulk.JobSplit, 3, p.splitter.Do)
	p.jobs(bulk.JobRepublish, 1, again.Do)
	p.jobs(bulk.JobFinish, 2, finisher.Do)
	p.wg.Go(func() {
		if err := p.counter.Watch(p.ctx, stallSeconds); err != nil {
			w.fail("watch returned %v", err)
		}
	})
	return p
}

func (p *process) jobs(kind bulk.JobKind, parallel int, do func(context.Context, *bulk.Lease) error) {
	r := &bulk.JobRunner{
		Store: p.store, Kind: kind, Owner: p.name, Parallel: parallel, TTL: leaseTTL, Poll: jobPoll,
		Wake: p.wakes[kind], Logger: p.w.log.With("process", p.name), Do: do,
	}
	p.wg.Go(func() {
		if err := r.Run(p.ctx); err != nil {
			p.w.fail("%s runner returned %v", kind, err)
		}
	})
}

// own runs the owner of one partition until ctx or the process ends.
func (p *process) own(ctx context.Context, topic string, partition int32) {
	part := p.w.events.Partition(topic, partition)
	if p.w.isStormy() {
		part.Dice, part.Unreadable = p.dice.Fork(), p.w.storm().unreadable
	}
	part.Before = func(ctx context.Context, op string) error {
		return p.around(ctx, op, func() error { return nil })
	}
	run := p.owner.Run
	if topic == bulk.TopicResults {
		run = p.counter.Run
	}
	if err := run(ctx, part); err != nil {
		p.w.fail("owner of %s/%d returned %v", topic, partition, err)
	}
}

// intake is what a call that reaches this process meets.
func (p *process) intake(tempDir string) *intake.Intake {
	return intake.New(intake.Options{
		Store: p.store, Files: p.files(), Limits: tabular.DefaultLimits(), MaxBytes: 1 << 20, TempDir: tempDir,
		Now: time.Now, Accepted: func(*bulk.Upload) { p.wakes[bulk.JobSplit].Notify() },
		Logger: p.w.log, Metrics: p.w.metrics.intake,
	})
}

// kill ends the process as SIGKILL does: nothing it still does has an effect.
func (p *process) kill() {
	p.dead.Store(true)
	p.cancel()
}

// around is the way of every call from the process to the world.
func (p *process) around(ctx context.Context, _ string, fn func() error) error {
	s := p.w.storm()
	p.pause(ctx, s)
	if p.dead.Load() {
		return errDead
	}
	if p.dice.Chance(s.errorBefore) {
		return errInjected
	}
	err := fn()
	p.pause(ctx, s)
	if p.dead.Load() {
		return errDead
	}
	if err == nil && p.dice.Chance(s.errorAfter) {
		return errInjected
	}
	return err
}

// pause is a call's latency. Once in a while the process as a whole is frozen for
// longer than a lease lasts, and then goes on as if nothing had been.
func (p *process) pause(ctx context.Context, s storm) {
	if p.dice.Chance(s.freeze) {
		p.frozenUntil.Store(time.Now().Add(p.dice.Duration(leaseTTL, 3*leaseTTL)).UnixNano())
	}
	d := time.Until(time.Unix(0, p.frozenUntil.Load()))
	if d <= 0 && p.dice.Chance(s.slow) {
		d = p.dice.Duration(time.Microsecond, 30*time.Millisecond)
	}
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// publisher is the log as the process reaches it.
type publisher struct{ p *process }

func (b publisher) Publish(ctx context.Context, records []bulk.Record) error {
	return b.p.around(ctx, "publish", func() error { return b.p.w.events.Publish(ctx, records) })
}
