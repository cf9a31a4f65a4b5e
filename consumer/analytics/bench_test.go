package analytics_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/consumer/analytics"
	"sluice/internal/bulk"
)

// devNull is a sink that takes everything at once.
type devNull struct{}

func (devNull) InsertUploads(context.Context, string, []bulk.AnalyticsUpload) error { return nil }
func (devNull) InsertResults(context.Context, string, []bulk.AnalyticsResult) error { return nil }
func (devNull) InsertChanges(context.Context, string, []bulk.AnalyticsChange) error { return nil }

// endless is a log that gives the same records until there were enough.
type endless struct {
	source  bulk.Source
	records []bulk.Record
	at, end int64
	done    context.CancelFunc
}

func (p *endless) Source() bulk.Source                                { return p.source }
func (p *endless) SeekTo(offset int64)                                { p.at = offset }
func (p *endless) Lag() int64                                         { return p.end - p.at }
func (p *endless) Bounds(context.Context) (first, end int64, _ error) { return 0, p.end, nil }
func (p *endless) Durable(context.Context) error                      { return nil }
func (p *endless) Commit(context.Context, int64) error                { return nil }

func (p *endless) Fetch(ctx context.Context) ([]bulk.Record, int64, error) {
	if p.at >= p.end {
		p.done()
		return nil, 0, context.Canceled
	}
	for i := range p.records {
		p.records[i].Offset = p.at
		p.at++
	}
	return p.records, p.at, ctx.Err()
}

// BenchmarkFollow is what the role costs a row without log and stores.
func BenchmarkFollow(b *testing.B) {
	for name, c := range map[string]struct {
		topic string
		rows  int // of a record
	}{"changes": {bulk.TopicChanges, 1}, "results": {bulk.TopicResults, 500}} {
		b.Run(name, func(b *testing.B) {
			var e expected
			p := &endless{source: source(c.topic)}
			for i := range 200 {
				rec := e.change(i)
				if c.topic == bulk.TopicResults {
					rec = e.resultBatch(i*c.rows, c.rows)
				}
				rec.Topic = c.topic
				p.records = append(p.records, rec)
			}
			f := analytics.New(analytics.Options{
				Sink: devNull{}, Store: newStore(&faults{}), Codec: codec,
				Logger: slog.New(slog.DiscardHandler), Metrics: analytics.NewMetrics(prometheus.NewRegistry()),
			})
			ctx, cancel := context.WithCancel(b.Context())
			p.done, p.end = cancel, int64(b.N)
			b.ReportAllocs()
			b.ResetTimer()
			if err := f.Run(ctx, p); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*c.rows), "ns/row")
		})
	}
}
