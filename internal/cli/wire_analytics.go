package cli

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"sluice/consumer/analytics"
	"sluice/internal/bulk"
	"sluice/internal/clickhouse"
	"sluice/internal/config"
)

// wireAnalytics runs the analytics role, if there is a place to write to.
func (p *process) wireAnalytics(ctx context.Context, g *errgroup.Group) error {
	if p.cfg.Analytics == "" {
		return nil
	}
	sink, err := clickhouse.Open(clickhouse.Options{URL: p.cfg.Analytics, Logger: p.log})
	if err != nil {
		return fmt.Errorf("configuring ClickHouse: %w", err)
	}
	follower := analytics.New(analytics.Options{
		Sink: sink, Store: p.store, Codec: p.codec, Logger: p.log, Metrics: analytics.NewMetrics(p.reg),
	})
	g.Go(func() error {
		defer sink.Close() //nolint:errcheck // nothing is buffered in it
		// ClickHouse may be away: readiness and the other roles do not wait for it.
		if err := sink.Prepare(ctx); err != nil {
			return fmt.Errorf("preparing ClickHouse: %w", err)
		}
		return p.events.consume(ctx, "sluice-analytics",
			[]string{bulk.TopicChanges, bulk.TopicResults, bulk.TopicResponses}, func() {}, follower.Run)
	})
	return nil
}

// migrateAnalytics makes the tables in ClickHouse.
func migrateAnalytics(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	sink, err := clickhouse.Open(clickhouse.Options{URL: cfg.Analytics, Logger: log})
	if err != nil {
		return fmt.Errorf("configuring ClickHouse: %w", err)
	}
	defer sink.Close() //nolint:errcheck // nothing is buffered in it
	if err := sink.Migrate(ctx); err != nil {
		return fmt.Errorf("migrating ClickHouse: %w", err)
	}
	return nil
}
