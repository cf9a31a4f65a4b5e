package cli

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gaugeTimeout bounds what a scrape may ask of the store.
const gaugeTimeout = 2 * time.Second

// registerGauges adds the figures that are read from the store at each scrape.
func (p *process) registerGauges() error {
	gauges := []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sluice_journal_unpublished_rows", Help: "Journal rows (batches) that are committed and not yet on the log; -1: unknown.",
		}, p.ask(func(ctx context.Context) (float64, error) {
			n, err := p.store.UnpublishedJournal(ctx, p.events.cluster)
			return float64(n), err
		})),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sluice_oldest_unfinished_upload_seconds", Help: "Age of the oldest upload without a response; 0: none, -1: unknown.",
		}, p.ask(func(ctx context.Context) (float64, error) {
			at, ok, err := p.store.OldestUnfinished(ctx)
			if !ok {
				return 0, err
			}
			return time.Since(at).Seconds(), err
		})),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sluice_rows_in_flight", Help: "Rows of unfinished uploads that have no result yet; -1: unknown.",
		}, p.ask(func(ctx context.Context) (float64, error) {
			n, err := p.store.RowsInFlight(ctx)
			return float64(n), err
		})),
	}
	for _, g := range gauges {
		if err := p.reg.Register(g); err != nil {
			return err
		}
	}
	return nil
}

// ask turns a question to the store into a gauge.
func (p *process) ask(question func(context.Context) (float64, error)) func() float64 {
	return func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), gaugeTimeout)
		defer cancel()
		v, err := question(ctx)
		if err != nil {
			return -1
		}
		return v
	}
}
