package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/kafka"
)

func batchLargerThanTheFetchLimitIsRead(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, func(o *kafka.Options) { o.Compression = kafka.CodecNone })
	topic := newTopic(ctx, t, c, 3, nil)
	p := newProducer(ctx, t, c)
	const each = 5
	for partition := range int32(3) {
		for range each {
			if err := p.Produce(ctx, []kafka.Record{{Topic: topic, Partition: partition, Value: make([]byte, 500_000)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	k := newCollector()
	consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}, MaxFetchBytes: 2000}, k.handler("one"))
	k.wait(ctx, t, "all is read", func() bool { return k.count() == 3*each })
}

// fetchAt fetches once at an offset, in a group.
func fetchAt(ctx context.Context, t *testing.T, c *kafka.Client, topic string, offset int64) (*kafka.Batch, error) {
	t.Helper()
	type result struct {
		b   *kafka.Batch
		err error
	}
	results := make(chan result, 1)
	stop := consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}, func(ctx context.Context, p *kafka.Partition) error {
		p.SeekTo(offset)
		b, err := p.Fetch(ctx)
		results <- result{b, err}
		<-ctx.Done()
		return nil
	})
	defer stop()
	select {
	case r := <-results:
		return r.b, r.err
	case <-ctx.Done():
		t.Fatal(ctx.Err())
		return nil, nil
	}
}

func fetchBelowLogStartReportsOutOfRange(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 1, map[string]string{"cleanup.policy": "delete"})
	p := newProducer(ctx, t, c)
	for i := range 10 {
		if err := p.Produce(ctx, numbered(topic, 0, 10*i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	deleteRecords(ctx, t, brokers, topic, 60)
	_, err := fetchAt(ctx, t, c, topic, 20)
	var out *kafka.OffsetOutOfRangeError
	if !errors.Is(err, kafka.ErrOffsetOutOfRange) || !errors.As(err, &out) || out.Offset != 20 || out.LogStart != 60 || out.End != 100 {
		t.Errorf("got %v, want 20 out of [60, 100)", err)
	}
	if got := readAll(ctx, t, c, topic, 0); len(got) != 40 || got[0].Offset != 60 {
		t.Errorf("got %d records", len(got))
	}
}

// deleteRecords removes what a partition holds before an offset.
func deleteRecords(ctx context.Context, t *testing.T, brokers []string, topic string, before int64) {
	t.Helper()
	other, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 5000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: before}}}}
	res, err := req.RequestWith(ctx, other)
	if err != nil {
		t.Fatal(err)
	}
	if code := res.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("delete records: code %d", code)
	}
}

func fetchBeyondTheEndReportsOutOfRange(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 1, nil)
	if err := newProducer(ctx, t, c).Produce(ctx, numbered(topic, 0, 0, 5)); err != nil {
		t.Fatal(err)
	}
	_, err := fetchAt(ctx, t, c, topic, 105)
	var out *kafka.OffsetOutOfRangeError
	if !errors.As(err, &out) || out.Offset != 105 || out.LogStart != 0 || out.End != 5 {
		t.Errorf("got %v, want 105 out of [0, 5)", err)
	}
	b, err := fetchAt(ctx, t, c, topic, 3)
	if err != nil || b.HighWater != 5 || b.Next != 5 {
		t.Errorf("got %+v, error %v", b, err)
	}
}

func readFromEndSeesWhatArrivesLater(t *testing.T, brokers []string) {
	ctx := testContext(t)
	c := newClient(t, brokers, nil)
	topic := newTopic(ctx, t, c, 1, nil)
	p := newProducer(ctx, t, c)
	if err := p.Produce(ctx, numbered(topic, 0, 0, 5)); err != nil {
		t.Fatal(err)
	}
	// Records keep arriving until the reader has seen one.
	readCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- c.Read(readCtx, topic, 0, kafka.End, func(b *kafka.Batch) error {
			seen <- string(b.Records[0].Value)
			return errEnough
		})
	}()
	for i := 5; ; i++ {
		if err := p.Produce(ctx, numbered(topic, 0, i, 1)); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-seen:
			var n int
			if _, err := fmt.Sscan(got, &n); err != nil || n < 5 {
				t.Errorf("saw %q", got)
			}
			if err := <-done; !errors.Is(err, errEnough) {
				t.Errorf("got %v, want the function's error", err)
			}
			return
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
	}
}
