package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/config"
	"sluice/internal/ops"
)

// migrate makes tables and topics. Opening the parts does it: serve does the same.
func migrate(ctx context.Context, cfg config.Config, stdout, stderr io.Writer) (err error) {
	log, err := ops.NewLogger(stderr, cfg.LogFormat, cfg.LogLevel)
	if err != nil {
		return err
	}
	lock, err := lockData(cfg)
	if err != nil {
		return usageError(err)
	}
	defer lock.release()
	c := &closers{}
	defer func() { err = errors.Join(err, c.close()) }()
	codec, err := openCodec(ctx, cfg)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, cfg, codec, log)
	if err != nil {
		return err
	}
	c.add(store.Close)
	b, err := openBroker(ctx, cfg, filepath.Join(cfg.Data, "broker"), log)
	if err != nil {
		return err
	}
	if b != nil {
		c.add(b.Close)
	}
	l, err := dialLog(cfg, b, prometheus.NewRegistry(), log)
	if err != nil {
		return err
	}
	c.add(l.client.Close)
	if err := l.client.EnsureTopics(ctx, topics(cfg)); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	if cfg.Analytics != "" {
		if err := migrateAnalytics(ctx, cfg, log); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(stdout, "tables and topics are up to date")
	return err
}
