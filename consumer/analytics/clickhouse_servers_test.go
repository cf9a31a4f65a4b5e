//go:build servers

package analytics_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/consumer/analytics"
	"sluice/internal/bulk"
	"sluice/internal/clickhouse"
	"sluice/internal/testenv"
)

// eventually waits for a condition, ten minutes at most.
func eventually(t *testing.T, what string, isMet func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Minute)
	for !isMet() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestClickHouseCatchesUpAfterItWasAway(t *testing.T) {
	server := testenv.StartClickHouse(t)
	sink, err := clickhouse.Open(clickhouse.Options{URL: server.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &faults{}
	store := newStore(f)
	follower := analytics.New(analytics.Options{
		Sink: sink, Store: store, Codec: codec, Logger: slog.New(slog.DiscardHandler),
		Metrics: analytics.NewMetrics(prometheus.NewRegistry()), MaxRows: 500, MaxAge: 20 * time.Millisecond,
	})
	var wg sync.WaitGroup
	var want expected
	logs := map[string]*fakeLog{}
	for _, topic := range []string{bulk.TopicChanges, bulk.TopicResults, bulk.TopicResponses} {
		logs[topic] = newLog(source(topic))
		p := &partition{fakeLog: logs[topic], rng: rand.New(rand.NewPCG(1, 2)), maxCut: 300, faults: f}
		wg.Go(func() {
			if err := follower.Run(ctx, p); err != nil {
				t.Error(err)
			}
		})
	}
	grow := func(from, n int) {
		for i := from; i < from+n; i++ {
			logs[bulk.TopicChanges].add(want.change(i), 0)
			logs[bulk.TopicResults].add(want.resultBatch(i*10, 10), 0)
			logs[bulk.TopicResponses].add(want.response(i), 0)
		}
	}
	haveArrived := func() bool {
		for _, l := range logs {
			if w := (world{log: l, store: store}); !w.isDone() {
				return false
			}
		}
		return true
	}
	grow(0, 1_000)
	for i, end := range []func() error{server.Stop, server.Kill} {
		if i == 0 {
			eventually(t, "rows before the server ends", haveArrived)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		grow(1_000*(i+1), 1_000)
		if err := server.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // the second end comes in the middle
			eventually(t, "first rows after the server is back", func() bool { b, _ := store.block(source(bulk.TopicResults)); return b.to > 1_000 })
		}
	}
	eventually(t, "all rows", haveArrived)
	got, err := sink.Totals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got.Uploads != 3_000 || got.Results.Total != 30_000 || got.Changes != 3_000 {
		t.Errorf("got %+v", got)
	}
	cancel()
	wg.Wait()
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
}
