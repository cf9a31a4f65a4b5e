package cli

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/consumer/aggregate"
	"sluice/consumer/apply"
	"sluice/internal/bulk"
	"sluice/internal/config"
	"sluice/internal/tabular"
)

const (
	leaseTTL = 10 * time.Second
	jobPoll  = 100 * time.Millisecond
	// stallSeconds is how long an upload may stand still before it is sent again.
	stallSeconds = 60
)

// Jobs of each kind that one process does at once.
const (
	parallelSplits      = 16
	parallelFinishes    = 4
	parallelRepublishes = 2
)

func (p *process) limits() tabular.Limits {
	l := tabular.DefaultLimits()
	l.MaxRows, l.MaxColumns, l.MaxCellChars = int64(p.cfg.MaxRows), p.cfg.MaxColumns, p.cfg.MaxCellChars
	return l
}

// jobs returns a runner of one kind of job.
func (p *process) jobs(kind bulk.JobKind, parallel int, wake bulk.Signal, do func(context.Context, *bulk.Lease) error) *bulk.JobRunner {
	return &bulk.JobRunner{
		Store: p.store, Kind: kind, Owner: p.owner, Parallel: parallel, TTL: leaseTTL, Poll: jobPoll,
		Wake: wake, Logger: p.log, Do: do,
	}
}

// wireApply runs the apply role.
func (p *process) wireApply(ctx context.Context, g *errgroup.Group) error {
	owner := apply.New(apply.Options{
		Store: p.store, Publisher: p.events, Codec: p.codec, Now: time.Now,
		Logger: p.log, Metrics: apply.NewMetrics(p.reg), BatchRows: p.cfg.BatchRows, Parallel: max(4, runtime.GOMAXPROCS(0)),
	})
	again := &apply.Republisher{Journal: p.store, Publisher: p.events}
	part := p.ready.Part(config.RoleApply)
	part.NotReady("joining its group")
	g.Go(func() error {
		return p.events.consume(ctx, "sluice-apply", []string{bulk.TopicUpdates}, part.Ready, owner.Run)
	})
	g.Go(func() error {
		return p.jobs(bulk.JobRepublish, parallelRepublishes, p.signals.republish, again.Do).Run(ctx)
	})
	return nil
}

// wireAggregate runs the aggregate role.
func (p *process) wireAggregate(ctx context.Context, g *errgroup.Group) error {
	metrics := aggregate.NewMetrics(p.reg)
	counter := aggregate.NewCounter(aggregate.CounterOptions{
		Store: p.store, Publisher: p.events, Codec: p.codec, Logger: p.log, Metrics: metrics,
		Counted:   p.hooks.counted,
		Completed: func([]string) { p.signals.finish.Notify() },
	})
	finisher := aggregate.NewFinisher(aggregate.FinisherOptions{
		Store: p.store, Files: p.files, Publisher: p.events, Codec: p.codec, Limits: p.limits(), Signer: p.signer,
		Now: time.Now, Finished: p.hooks.finished, Logger: p.log, Metrics: metrics,
	})
	part := p.ready.Part(config.RoleAggregate)
	part.NotReady("joining its group")
	g.Go(func() error {
		return p.events.consume(ctx, "sluice-aggregate", []string{bulk.TopicResults}, part.Ready, counter.Run)
	})
	g.Go(func() error { return counter.Watch(ctx, stallSeconds) })
	g.Go(func() error {
		return p.jobs(bulk.JobFinish, parallelFinishes, p.signals.finish, finisher.Do).Run(ctx)
	})
	return nil
}

// hooks carry news from one role to another in the same process.
type hooks struct {
	onCounted  []func()
	onFinished []func(uploadID string)
}

func (h *hooks) counted() {
	for _, f := range h.onCounted {
		f()
	}
}

func (h *hooks) finished(uploadID string) {
	for _, f := range h.onFinished {
		f(uploadID)
	}
}
