package e2e_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics are all the server has.
func topics() []string {
	return []string{"customer.updates", "bulk.results", "customer.changes", "bulk.responses", "bulk.deadletters"}
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// kafka returns a Kafka client that shares nothing with the product's.
func (s *server) kafka(options ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	options = append(options, kgo.SeedBrokers(strings.Split(s.Kafka, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	k, err := kgo.NewClient(options...)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// ends returns where each partition of the topics ends.
func (s *server) ends(of ...string) map[place]int64 {
	s.t.Helper()
	k := s.kafka()
	defer k.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), startTimeout)
	defer cancel()
	metadata := kmsg.NewPtrMetadataRequest()
	offsets := kmsg.NewPtrListOffsetsRequest()
	for _, topic := range of {
		m := kmsg.NewMetadataRequestTopic()
		m.Topic = &topic
		metadata.Topics = append(metadata.Topics, m)
	}
	found, err := metadata.RequestWith(ctx, k)
	if err != nil {
		s.t.Fatal(err)
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
	listed, err := offsets.RequestWith(ctx, k)
	if err != nil {
		s.t.Fatal(err)
	}
	ends := map[place]int64{}
	for _, topic := range listed.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				s.t.Fatal(err)
			}
			ends[place{topic.Topic, p.Partition}] = p.Offset
		}
	}
	return ends
}

// total is the number of records before the ends.
func total(ends map[place]int64) (n int64) {
	for _, end := range ends {
		n += end
	}
	return n
}

// event is a record with its value decoded by its schema.
type event struct {
	*kgo.Record
	value map[string]any
}

func (e *event) header(name string) string {
	for _, h := range e.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// text is a field that is a string, or null or a string.
func (e *event) text(field string) string {
	s, _ := e.value[field].(string)
	return s
}

// records reads a topic from its beginning to where it ends now.
func (s *server) records(topic string) []*kgo.Record {
	s.t.Helper()
	ends := s.ends(topic)
	left := map[place]int64{}
	from := map[string]map[int32]kgo.Offset{topic: {}}
	for p, end := range ends {
		if end > 0 {
			left[p] = end
			from[topic][p.partition] = kgo.NewOffset().AtStart()
		}
	}
	k := s.kafka(kgo.ConsumePartitions(from), kgo.FetchMaxWait(100*time.Millisecond))
	defer k.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), startTimeout)
	defer cancel()
	var all []*kgo.Record
	for len(left) > 0 {
		fetched := k.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			s.t.Fatalf("reading %s: %v", topic, err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			p := place{r.Topic, r.Partition}
			if r.Offset >= ends[p] {
				return
			}
			all = append(all, r)
			if r.Offset == ends[p]-1 {
				delete(left, p)
			}
		})
	}
	return all
}

// events reads a topic and keeps what concerns one upload, in the order of each
// partition. Values are decoded by the schema that the server's registry gives
// for their id.
func (s *server) events(topic, uploadID string) []event {
	s.t.Helper()
	var all []event
	for _, r := range s.records(topic) {
		e := event{Record: r}
		if e.header("upload") != uploadID && string(r.Key) != uploadID {
			continue
		}
		e.value = s.decode(r.Value)
		all = append(all, e)
	}
	return all
}

// decode reads a value in the registry's wire format: a zero, a schema id, a body.
func (s *server) decode(value []byte) map[string]any {
	s.t.Helper()
	if len(value) < 5 || value[0] != 0 {
		s.t.Fatalf("a record's value begins with % x, want a zero and a schema id", value[:min(len(value), 5)])
	}
	id := binary.BigEndian.Uint32(value[1:5])
	codec := s.codecs[id]
	if codec == nil {
		var err error
		if codec, err = goavro.NewCodec(s.schema(id)); err != nil {
			s.t.Fatal(err)
		}
		s.codecs[id] = codec
	}
	native, rest, err := codec.NativeFromBinary(value[5:])
	if err != nil || len(rest) > 0 {
		s.t.Fatalf("a record of schema %d cannot be decoded: %v, %d bytes left", id, err, len(rest))
	}
	m, _ := native.(map[string]any)
	return m
}

// schema asks the server's registry for a schema.
func (s *server) schema(id uint32) string {
	s.t.Helper()
	var found struct{ Schema string }
	a := s.get(fmt.Sprintf("/schemas/ids/%d", id)).want(s.t, 200)
	if err := json.Unmarshal(a.body, &found); err != nil {
		s.t.Fatal(err)
	}
	return found.Schema
}

// plain turns goavro's unions, {"type": value}, into their values.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for branch, inner := range v {
				switch branch {
				case "string", "array", "sluice.Customer":
					return plain(inner)
				}
			}
		}
		out := map[string]any{}
		for key, inner := range v {
			out[key] = plain(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	default:
		return v
	}
}
