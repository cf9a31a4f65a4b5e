package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/kafka"
)

func Test_fetch_survives_codes_that_pass(t *testing.T) {
	for _, code := range []int16{-1, 3, 5, 6, 9, 13, 56, 74, 75, 78} {
		t.Run(fmt.Sprintf("code_%d", code), func(t *testing.T) {
			ctx := testContext(t)
			fake := newFake(t)
			c := newClient(t, fake.ListenAddrs(), nil)
			topic := newTopic(ctx, t, c, 1, nil)
			if err := newProducer(ctx, t, c).Produce(ctx, numbered(topic, 0, 0, 5)); err != nil {
				t.Fatal(err)
			}
			var n atomic.Int32
			fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
				fake.KeepControl()
				switch n.Add(1) {
				case 1:
					return fetchResponse(req, code, nil), nil, true
				case 2:
					return nil, errors.New("injected"), true
				}
				return nil, nil, false
			})
			if got := values(readAll(ctx, t, c, topic, 0)); got != "0 1 2 3 4 " {
				t.Errorf("got %s", got)
			}
		})
	}
}

// fetchResponse answers each partition of a fetch request with a code and data.
func fetchResponse(req kmsg.Request, code int16, data []byte) kmsg.Response {
	r, _ := req.(*kmsg.FetchRequest)
	res, _ := r.ResponseKind().(*kmsg.FetchResponse)
	for _, topic := range r.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic = topic.Topic
		for _, part := range topic.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.RecordBatches, rp.HighWatermark = part.Partition, code, data, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res
}

func Test_corrupt_batch_is_reported_and_can_be_passed(t *testing.T) {
	damaged, err := kafka.EncodeBatch(kafka.CodecNone, -1, -1, -1, rows(3))
	if err != nil {
		t.Fatal(err)
	}
	damaged[70] ^= 1
	for _, tc := range []struct {
		name string
		code int16
		data []byte
		next int64
	}{
		{"checksum_mismatch", 0, damaged, 3},
		{"senseless_header", 0, make([]byte, 100), 1},
		{"broker_says_so", 2, nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := testContext(t)
			fake := newFake(t)
			c := newClient(t, fake.ListenAddrs(), nil)
			topic := newTopic(ctx, t, c, 1, nil)
			if err := newProducer(ctx, t, c).Produce(ctx, numbered(topic, 0, 0, 10)); err != nil {
				t.Fatal(err)
			}
			var tries atomic.Int32
			fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
				fake.KeepControl()
				if r, _ := req.(*kmsg.FetchRequest); r.Topics[0].Partitions[0].FetchOffset > 0 {
					return nil, nil, false
				}
				tries.Add(1)
				return fetchResponse(req, tc.code, tc.data), nil, true
			})
			got := make(chan string, 1)
			consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}, func(ctx context.Context, p *kafka.Partition) error {
				_, err := p.Fetch(ctx)
				var corrupt *kafka.CorruptError
				if !errors.Is(err, kafka.ErrCorrupt) || !errors.As(err, &corrupt) {
					return fmt.Errorf("want a corrupt batch: %w", err)
				}
				if corrupt.Offset != 0 || corrupt.Next != tc.next || tries.Load() < 3 {
					t.Errorf("got %v, next %d after %d tries, want next %d", err, corrupt.Next, tries.Load(), tc.next)
				}
				p.SeekTo(corrupt.Next)
				b, err := p.Fetch(ctx)
				if err != nil {
					return err
				}
				got <- values(b.Records)
				<-ctx.Done()
				return nil
			})
			select {
			case v := <-got:
				if want := values(numbered(topic, 0, int(tc.next), 10-int(tc.next))); v != want {
					t.Errorf("got %s, want %s", v, want)
				}
			case <-ctx.Done():
				t.Fatal(ctx.Err())
			}
		})
	}
}

func Test_offset_refused_by_a_lagging_leader_is_asked_for_again(t *testing.T) {
	ctx := testContext(t)
	fake := newFake(t)
	c := newClient(t, fake.ListenAddrs(), nil)
	topic := newTopic(ctx, t, c, 1, nil)
	if err := newProducer(ctx, t, c).Produce(ctx, numbered(topic, 0, 0, 3)); err != nil {
		t.Fatal(err)
	}
	fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		return fetchResponse(req, 1, nil), nil, true
	})
	if got := values(readAll(ctx, t, c, topic, 0)); got != "0 1 2 " {
		t.Errorf("got %s", got)
	}
}

func Test_group_survives_errors_of_its_coordinator(t *testing.T) {
	code := func(c int16) func(kmsg.Request) (kmsg.Response, error, bool) {
		return func(req kmsg.Request) (kmsg.Response, error, bool) {
			res := req.ResponseKind()
			switch r := res.(type) {
			case *kmsg.FindCoordinatorResponse:
				r.ErrorCode = c
			case *kmsg.JoinGroupResponse:
				r.ErrorCode = c
			case *kmsg.SyncGroupResponse:
				r.ErrorCode = c
			case *kmsg.HeartbeatResponse:
				r.ErrorCode = c
			}
			return res, nil, true
		}
	}
	for _, tc := range []struct {
		name string
		key  kmsg.Key
		fn   func(kmsg.Request) (kmsg.Response, error, bool)
	}{
		{"coordinator_not_available", kmsg.FindCoordinator, code(15)},
		{"coordinator_loading", kmsg.JoinGroup, code(14)},
		{"not_coordinator", kmsg.JoinGroup, code(16)},
		{"unknown_member", kmsg.JoinGroup, code(25)},
		{"rebalance_while_syncing", kmsg.SyncGroup, code(27)},
		{"rebalance_at_heartbeat", kmsg.Heartbeat, code(27)},
		{"thrown_out_at_heartbeat", kmsg.Heartbeat, code(25)},
		{"connection_lost_while_joining", kmsg.JoinGroup, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, errors.New("injected"), true }},
		{"connection_lost_at_heartbeat", kmsg.Heartbeat, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, errors.New("injected"), true }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			fake := newFake(t)
			c := newClient(t, fake.ListenAddrs(), func(o *kafka.Options) { o.SessionTimeout = 1500 * time.Millisecond })
			topic := newTopic(ctx, t, c, 2, nil)
			p := newProducer(ctx, t, c)
			hit := make(chan struct{}, 1)
			fake.ControlKey(int16(tc.key), func(req kmsg.Request) (kmsg.Response, error, bool) {
				select {
				case hit <- struct{}{}:
				default:
				}
				return tc.fn(req)
			})
			k := newCollector()
			consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}, k.handler("one"))
			select {
			case <-hit:
			case <-ctx.Done():
				t.Fatal("the fault was not met")
			}
			for partition := range int32(2) {
				if err := p.Produce(ctx, numbered(topic, partition, 0, 10)); err != nil {
					t.Fatal(err)
				}
			}
			k.wait(ctx, t, "all is read", func() bool { return k.count() == 20 && len(k.owners) == 2 })
		})
	}
}

func Test_commit_of_a_lost_partition_is_refused(t *testing.T) {
	for _, code := range []int16{16, 22, 25, 27} {
		t.Run(fmt.Sprintf("code_%d", code), func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			fake := newFake(t)
			c := newClient(t, fake.ListenAddrs(), nil)
			topic := newTopic(ctx, t, c, 1, nil)
			fake.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
				r, _ := req.(*kmsg.OffsetCommitRequest)
				res, _ := r.ResponseKind().(*kmsg.OffsetCommitResponse)
				rt := kmsg.NewOffsetCommitResponseTopic()
				rt.Topic = topic
				rt.Partitions = []kmsg.OffsetCommitResponseTopicPartition{{Partition: 0, ErrorCode: code}}
				res.Topics = append(res.Topics, rt)
				return res, nil, true
			})
			errs := make(chan error, 1)
			consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}, func(ctx context.Context, p *kafka.Partition) error {
				errs <- p.Commit(ctx, 1)
				<-ctx.Done()
				return nil
			})
			select {
			case err := <-errs:
				if !errors.Is(err, kafka.ErrLost) {
					t.Errorf("got %v, want ErrLost", err)
				}
			case <-ctx.Done():
				t.Fatal(ctx.Err())
			}
		})
	}
}

func Test_lost_partition_is_given_up_only_after_its_handler_returned(t *testing.T) {
	ctx := testContext(t)
	fake := newFake(t)
	c1, c2 := newClient(t, fake.ListenAddrs(), nil), newClient(t, fake.ListenAddrs(), nil)
	topic := newTopic(ctx, t, c1, 1, nil)
	o := kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}
	var owners atomic.Int32
	serving := make(chan struct{}, 100)
	handler := func(ctx context.Context, _ *kafka.Partition) error {
		if owners.Add(1) != 1 {
			t.Error("two members own the partition")
		}
		serving <- struct{}{}
		<-ctx.Done()
		drained := time.NewTimer(200 * time.Millisecond) // what a transaction takes to end
		<-drained.C
		owners.Add(-1)
		return nil
	}
	stop1 := consume(ctx, t, c1, o, handler)
	<-serving
	stop2 := consume(ctx, t, c2, o, handler)
	<-serving // after the rebalance
	stop1()
	<-serving
	stop2()
	if n := owners.Load(); n != 0 {
		t.Errorf("Consume returned while %d handlers ran", n)
	}
}
