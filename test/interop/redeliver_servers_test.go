//go:build servers

package interop_test

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// redeliver appends every record of every topic once more as it is, which is what
// a producer does that was not told of its success.
func (w *world) redeliver(p *process) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), settleTimeout)
	defer cancel()
	topics := []string{"customer.updates", "bulk.results", "customer.changes", "bulk.responses"}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(p.kafka, ",")...), kgo.ConsumeTopics(topics...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	left := ends(ctx, w.t, client, topics)
	n := 0
	for len(left) > 0 {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			w.t.Fatalf("reading all records: %v", err)
		}
		var again []*kgo.Record
		fetched.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			end, isLeft := left[at]
			if isLeft && r.Offset < end {
				again = append(again, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Headers: r.Headers})
			}
			if r.Offset >= end-1 {
				delete(left, at)
			}
		})
		if err := client.ProduceSync(ctx, again...).FirstErr(); err != nil {
			w.t.Fatalf("appending records once more: %v", err)
		}
		n += len(again)
	}
	w.t.Logf("%d records were redelivered", n)
}

// ends returns where the partitions end that hold anything.
func ends(ctx context.Context, t *testing.T, client *kgo.Client, topics []string) map[place]int64 {
	t.Helper()
	metadata, offsets := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrListOffsetsRequest()
	for _, topic := range topics {
		m := kmsg.NewMetadataRequestTopic()
		m.Topic = &topic
		metadata.Topics = append(metadata.Topics, m)
	}
	found, err := metadata.RequestWith(ctx, client)
	if err != nil {
		t.Fatalf("listing partitions: %v", err)
	}
	for _, topic := range found.Topics {
		o := kmsg.NewListOffsetsRequestTopic()
		o.Topic = *topic.Topic
		for _, p := range topic.Partitions {
			q := kmsg.NewListOffsetsRequestTopicPartition()
			q.Partition, q.Timestamp = p.Partition, -1
			o.Partitions = append(o.Partitions, q)
		}
		offsets.Topics = append(offsets.Topics, o)
	}
	listed, err := offsets.RequestWith(ctx, client)
	if err != nil {
		t.Fatalf("listing offsets: %v", err)
	}
	list := map[place]int64{}
	for _, topic := range listed.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				t.Fatalf("the end of %s %d: error %d", topic.Topic, p.Partition, p.ErrorCode)
			}
			if p.Offset > 0 {
				list[place{topic.Topic, p.Partition}] = p.Offset
			}
		}
	}
	return list
}
