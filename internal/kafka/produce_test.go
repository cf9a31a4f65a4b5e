package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/internal/kafka"
)

func producedRecordsComeBackInOrder(t *testing.T, brokers []string) {
	for _, codec := range codecs {
		t.Run(string(codec), func(t *testing.T) {
			ctx := testContext(t)
			c := newClient(t, brokers, func(o *kafka.Options) { o.Compression, o.MaxBatchBytes = codec, 20_000 })
			topic := newTopic(ctx, t, c, 6, nil)
			p := newProducer(ctx, t, c)
			want := variety()
			for i := range want {
				want[i].Topic, want[i].Partition = topic, int32(i%6)
			}
			for range 3 {
				if err := p.Produce(ctx, want); err != nil {
					t.Fatal(err)
				}
			}
			for partition := range int32(6) {
				var mine []kafka.Record
				for i := int(partition); i < 3*len(want); i += 6 {
					mine = append(mine, want[i%len(want)])
				}
				got := readAll(ctx, t, c, topic, partition)
				if len(want)%6 == 0 && len(got) != len(mine) {
					t.Fatalf("partition %d: got %d records, want %d", partition, len(got), len(mine))
				}
				for i := range min(len(got), len(want)/6) {
					if !sameRecord(got[i], mine[i]) || got[i].Offset != int64(i) || got[i].Topic != topic || got[i].Partition != partition {
						t.Fatalf("partition %d record %d: got %+v, want %+v", partition, i, got[i], mine[i])
					}
				}
			}
		})
	}
}

func recordsOfOtherClientsAreRead(t *testing.T, brokers []string) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			c := newClient(t, brokers, nil)
			topic := newTopic(ctx, t, c, 1, nil)
			other, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ProducerBatchCompression(codec))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			want := variety()
			for _, r := range want {
				rec := &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Timestamp: r.Time}
				for _, h := range r.Headers {
					rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
				}
				other.Produce(ctx, rec, nil)
			}
			if err := other.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			got := readAll(ctx, t, c, topic, 0)
			if len(got) != len(want) {
				t.Fatalf("got %d records, want %d", len(got), len(want))
			}
			for i := range want {
				if !sameRecord(got[i], want[i]) {
					t.Errorf("record %d: got %+v, want %+v", i, got[i], want[i])
				}
			}
		})
	}
}

func otherClientsReadOurRecords(t *testing.T, brokers []string) {
	for _, codec := range codecs {
		t.Run(string(codec), func(t *testing.T) {
			ctx := testContext(t)
			c := newClient(t, brokers, func(o *kafka.Options) { o.Compression = codec })
			topic := newTopic(ctx, t, c, 1, nil)
			want := variety()
			for i := range want {
				want[i].Topic = topic
			}
			if err := newProducer(ctx, t, c).Produce(ctx, want); err != nil {
				t.Fatal(err)
			}
			other, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumePartitions(
				map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			n := 0
			for n < len(want) {
				fetches := other.PollFetches(ctx)
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				for r := range fetches.RecordsAll() {
					if !bytes.Equal(r.Key, want[n].Key) || !bytes.Equal(r.Value, want[n].Value) || len(r.Headers) != len(want[n].Headers) {
						t.Fatalf("record %d differs", n)
					}
					n++
				}
			}
		})
	}
}

func concurrentCallsKeepEachOrder(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	const partitions, callers, calls, each = 4, 6, 15, 8
	topic := newTopic(ctx, t, c, partitions, nil)
	p := newProducer(ctx, t, c)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for call := range calls {
				var recs []kafka.Record
				for i := range each * partitions {
					recs = append(recs, kafka.Record{
						Topic: topic, Partition: int32((i + caller) % partitions),
						Key: fmt.Appendf(nil, "%d", caller), Value: fmt.Appendf(nil, "%d", call*each*partitions+i),
					})
				}
				if err := p.Produce(ctx, recs); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for partition := range int32(partitions) {
		last := map[string]int{}
		recs := readAll(ctx, t, c, topic, partition)
		if len(recs) != callers*calls*each {
			t.Errorf("partition %d holds %d records, want %d", partition, len(recs), callers*calls*each)
		}
		for _, r := range recs {
			var n int
			if _, err := fmt.Sscan(string(r.Value), &n); err != nil {
				t.Fatal(err)
			}
			if before, ok := last[string(r.Key)]; ok && n <= before {
				t.Fatalf("partition %d: %d after %d", partition, n, before)
			}
			last[string(r.Key)] = n
		}
	}
}

func recordsGoWhereTheKeyBelongs(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 5, nil)
	recs := rows(200)
	for i := range recs {
		recs[i].Topic, recs[i].Partition = topic, kafka.ByKey
	}
	if err := newProducer(ctx, t, c).Produce(ctx, recs); err != nil {
		t.Fatal(err)
	}
	n := 0
	for partition := range int32(5) {
		for _, r := range readAll(ctx, t, c, topic, partition) {
			if want := kafka.PartitionFor(r.Key, 5); want != partition {
				t.Errorf("%s is in %d, want %d", r.Key, partition, want)
			}
			n++
		}
	}
	if n != len(recs) {
		t.Errorf("got %d records, want %d", n, len(recs))
	}
}

func recordTooLargeIsRefused(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, func(o *kafka.Options) { o.Compression = kafka.CodecNone })
	topic := newTopic(ctx, t, c, 1, map[string]string{"max.message.bytes": "10000", "retention.ms": "-1"})
	p := newProducer(ctx, t, c)
	err := p.Produce(ctx, []kafka.Record{{Topic: topic, Value: make([]byte, 20_000)}})
	if !errors.Is(err, kafka.ErrTooLarge) {
		t.Fatalf("got %v, want ErrTooLarge", err)
	}
	if err := p.Produce(ctx, []kafka.Record{{Topic: topic, Value: make([]byte, 5_000)}}); err != nil {
		t.Fatal(err)
	}
	if got := readAll(ctx, t, c, topic, 0); len(got) != 1 {
		t.Errorf("topic holds %d records, want 1", len(got))
	}
}

func ensuringTopicsIsRepeatable(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 3, nil)
	if err := c.EnsureTopics(ctx, []kafka.TopicConfig{{Name: topic, Partitions: 7}}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Partitions(ctx, topic); err != nil || n != 3 {
		t.Errorf("got %d partitions, error %v, want 3", n, err)
	}
	id, err := c.ClusterID(ctx)
	if err != nil || id == "" {
		t.Errorf("got cluster id %q, error %v", id, err)
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Error(err)
	}
}

func unknownTopicIsReported(t *testing.T, brokers []string) {
	t.Parallel()
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	if _, err := c.Partitions(ctx, "test.no-such-topic"); !errors.Is(err, kafka.ErrUnknownTopic) {
		t.Errorf("got %v, want ErrUnknownTopic", err)
	}
}

func Test_produce_ends_with_its_context(t *testing.T) {
	c := newClient(t, []string{"127.0.0.1:1"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.NewProducer(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ClusterID(t.Context()); !errors.Is(err, kafka.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
