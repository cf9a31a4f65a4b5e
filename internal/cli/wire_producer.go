package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/internal/bulk"
	"sluice/internal/config"
	"sluice/internal/kafka"
	"sluice/internal/ops"
	"sluice/producer/api"
	"sluice/producer/intake"
	"sluice/producer/split"
	"sluice/schemas"
)

// windowBytes bounds what the split has on the log without a result: a quarter of
// the retention of bulk.results on the embedded log, the smaller of the two topics
// it fills, so that no row is pruned before it is applied and counted.
func (p *process) windowBytes() int64 {
	return int64(p.cfg.KafkaLogBytes) * logShares[bulk.TopicResults] / 100 / 4
}

// wireProducer runs the producer role: HTTP, intake and split.
func (p *process) wireProducer(ctx context.Context, g *errgroup.Group) error {
	splitter := split.New(split.Options{
		Store: p.store, Files: p.files, Publisher: p.events, Codec: p.codec, Limits: p.limits(),
		Partitions: p.events.partitions, PartitionFor: kafka.PartitionFor,
		WindowRows: int64(p.cfg.WindowRows), WindowBytes: p.windowBytes(),
		Logger: p.log, Metrics: split.NewMetrics(p.reg),
	})
	hub := api.NewHub()
	p.hooks.onCounted = append(p.hooks.onCounted, splitter.Counted)
	p.hooks.onFinished = append(p.hooks.onFinished, hub.Finished)
	in := intake.New(intake.Options{
		Store: p.store, Files: p.files, Limits: p.limits(), MaxBytes: int64(p.cfg.MaxUploadBytes), TempDir: p.dir,
		Now: time.Now, Accepted: func(*bulk.Upload) { p.signals.split.Notify() },
		Logger: p.log, Metrics: intake.NewMetrics(p.reg),
	})
	calls := http.NewServeMux()
	err := api.New(api.Options{
		Intake: in, Store: p.store, Files: p.files, Signer: p.signer, Hub: hub, Now: time.Now,
		RequestID: ops.RequestID, Wait: p.cfg.Wait, Stopping: ctx.Done(), PublicURL: p.cfg.PublicURL,
		Logger: p.log, Registry: p.reg, Document: schemas.OpenAPI,
	}, calls)
	if err != nil {
		return err
	}
	if err := p.registerGauges(); err != nil {
		return err
	}
	if err := p.removeOrphans(ctx, p.firstOrphanAge()); err != nil {
		return fmt.Errorf("sweeping the spool: %w", err)
	}
	g.Go(func() error { return p.sweepSpool(ctx) })
	g.Go(func() error {
		return p.jobs(bulk.JobSplit, parallelSplits, p.signals.split, splitter.Do).Run(ctx)
	})
	g.Go(func() error { return hub.Run(ctx, p.store, p.log) })
	if !p.cfg.EmbedsBroker() { // other processes may finish this one's uploads
		g.Go(func() error { return p.events.followResponses(ctx, hub.Finished) })
	}
	p.calls.open(calls)
	p.ready.Part(config.RoleProducer).Ready()
	return nil
}
