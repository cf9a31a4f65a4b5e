package broker_test

import (
	"context"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/broker"
)

// BenchmarkBarrier measures a barrier while batches of 100 records of 200 bytes
// arrive on six partitions of each of two topics, alone and beside a writer that
// dirties the same file system.
func BenchmarkBarrier(b *testing.B) {
	for name, c := range map[string]struct {
		batchesPerSecond int
		noisy            bool
	}{
		"1000_per_s":                {10, false},
		"1000_per_s_beside_20MBps":  {10, true},
		"20000_per_s":               {200, false},
		"20000_per_s_beside_20MBps": {200, true},
	} {
		b.Run(name, func(b *testing.B) { benchBarrier(b, c.batchesPerSecond, c.noisy) })
	}
}

func benchBarrier(b *testing.B, batchesPerSecond int, noisy bool) {
	o := options(b.TempDir())
	br, err := broker.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = br.Run(ctx) })
	cl, err := kgo.NewClient(kgo.SeedBrokers(br.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	create := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range []string{"a", "b"} {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, 6, 1
		create.Topics = append(create.Topics, t)
	}
	if _, err := create.RequestWith(ctx, cl); err != nil {
		b.Fatal(err)
	}
	wg.Go(func() { feed(ctx, cl, batchesPerSecond) })
	if noisy {
		wg.Go(func() { dirty(ctx, filepath.Join(b.TempDir(), "noise")) })
	}
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		if err := br.Barrier(ctx); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
		<-time.After(2 * time.Millisecond)
	}
	b.StopTimer()
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
}

func feed(ctx context.Context, cl *kgo.Client, batchesPerSecond int) {
	tick := time.NewTicker(time.Second / time.Duration(batchesPerSecond))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		batch := make([]*kgo.Record, 100)
		for j := range batch {
			batch[j] = &kgo.Record{Topic: string(rune('a' + i%2)), Partition: int32(i / 2 % 6), Value: make([]byte, 200)}
		}
		cl.ProduceSync(ctx, batch...)
	}
}

// dirty writes 20 MB a second without ever syncing.
func dirty(ctx context.Context, path string) {
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	block := make([]byte, 200<<10)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := f.Write(block); err != nil {
				return
			}
		}
	}
}
