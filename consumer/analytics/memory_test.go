package analytics_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/consumer/analytics"
	"sluice/internal/bulk"
)

// slowSink takes nothing before its gate opens.
type slowSink struct {
	*memorySink
	gate chan struct{}
	rows atomic.Int64 // that wait or have waited
}

func (s *slowSink) InsertResults(ctx context.Context, token string, rows []bulk.AnalyticsResult) error {
	s.rows.Add(int64(len(rows)))
	<-s.gate
	return s.memorySink.InsertResults(ctx, token, rows)
}

func TestRowsInHandAreBoundedOverPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const partitions, records, batch = 12, 300, 100
		f := &faults{}
		store, sink := newStore(f), &slowSink{memorySink: newSink(f), gate: make(chan struct{})}
		follower := analytics.New(analytics.Options{
			Sink: sink, Store: store, Codec: codec,
			Logger: slog.New(slog.DiscardHandler), Metrics: analytics.NewMetrics(prometheus.NewRegistry()),
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var worlds []*world
		var want expected
		for i := range partitions {
			l := newLog(bulk.Source{Cluster: clusterID, Topic: bulk.TopicResults, Partition: int32(i)})
			for j := range records {
				l.add(want.resultBatch((i*records+j)*batch, batch), 0)
			}
			worlds = append(worlds, &world{log: l, store: store})
			p := &partition{fakeLog: l, rng: rand.New(rand.NewPCG(1, uint64(i))), maxCut: 10, faults: f}
			wg.Go(func() {
				if err := follower.Run(ctx, p); err != nil {
					t.Error(err)
				}
			})
		}
		<-time.After(time.Minute)
		synctest.Wait()
		// Four large blocks, small ones besides.
		if got, want := sink.rows.Load(), int64(4*20_000+8*1_000); got != want {
			t.Errorf("%d rows in hand, want %d", got, want)
		}
		close(sink.gate)
		for _, w := range worlds {
			for !w.isDone() {
				<-time.After(10 * time.Millisecond)
			}
		}
		cancel()
		wg.Wait()
		if len(sink.results) != len(want.results) {
			t.Errorf("%d rows, want %d", len(sink.results), len(want.results))
		}
	})
}
