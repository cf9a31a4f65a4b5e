package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/kafka"
)

func Test_lost_ack_is_not_appended_twice(t *testing.T) {
	ctx := testContext(t)
	faults := new(faultyConns)
	fake := newFake(t, kfake.ListenFn(faults.listen))
	c := newClient(t, fake.ListenAddrs(), nil)
	topic := newTopic(ctx, t, c, 3, nil)
	p := newProducer(ctx, t, c)
	const rounds = 20
	for round := range rounds {
		// Armed as the request arrives, so that it is its answer that is lost.
		fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			fake.DropControl()
			faults.armed.Store(true)
			return nil, nil, false
		})
		var recs []kafka.Record
		for partition := range int32(3) {
			recs = append(recs, numbered(topic, partition, 10*round, 10)...)
		}
		if err := p.Produce(ctx, recs); err != nil {
			t.Fatal(err)
		}
	}
	if faults.lost.Load() == 0 {
		t.Fatal("no answer was lost")
	}
	for partition := range int32(3) {
		want := values(numbered(topic, partition, 0, 10*rounds))
		if got := values(readAll(ctx, t, c, topic, partition)); got != want {
			t.Errorf("partition %d: got %s, want %s", partition, got, want)
		}
	}
}

func Test_refused_batch_is_sent_again_until_it_is_taken(t *testing.T) {
	for _, tc := range []struct {
		name string
		code int16
	}{
		{"corrupt_message", 2},
		{"unknown_topic_or_partition", 3},
		{"leader_not_available", 5},
		{"not_leader", 6},
		{"request_timed_out", 7},
		{"network_exception", 13},
		{"coordinator_loading", 14},
		{"not_enough_replicas", 19},
		{"not_enough_replicas_after_append", 20},
		{"out_of_order_sequence", 45},
		{"invalid_producer_epoch", 47},
		{"invalid_producer_mapping", 49},
		{"storage_error", 56},
		{"unknown_producer_id", 59},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := testContext(t)
			fake := newFake(t)
			c := newClient(t, fake.ListenAddrs(), nil)
			topic := newTopic(ctx, t, c, 4, nil)
			p := newProducer(ctx, t, c)
			for round := range 3 {
				refuseOne(fake, tc.code)
				var recs []kafka.Record
				for partition := range int32(4) {
					recs = append(recs, numbered(topic, partition, 10*round, 10)...)
				}
				if err := p.Produce(ctx, recs); err != nil {
					t.Fatal(err)
				}
			}
			for partition := range int32(4) {
				want := values(numbered(topic, partition, 0, 30))
				if got := values(readAll(ctx, t, c, topic, partition)); got != want {
					t.Errorf("partition %d: got %s, want %s", partition, got, want)
				}
			}
		})
	}
}

// refuseOne answers the next two produce requests with a code, for each partition and
// in the opposite order of the request.
func refuseOne(fake *kfake.Cluster, code int16) {
	for range 2 {
		fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			r, _ := req.(*kmsg.ProduceRequest)
			res, _ := r.ResponseKind().(*kmsg.ProduceResponse)
			for _, topic := range r.Topics {
				rt := kmsg.NewProduceResponseTopic()
				rt.Topic = topic.Topic
				for i := len(topic.Partitions) - 1; i >= 0; i-- {
					rp := kmsg.NewProduceResponseTopicPartition()
					rp.Partition, rp.ErrorCode = topic.Partitions[i].Partition, code
					rt.Partitions = append(rt.Partitions, rp)
				}
				res.Topics = append(res.Topics, rt)
			}
			return res, nil, true
		})
	}
}

func Test_refusal_that_cannot_pass_is_returned(t *testing.T) {
	ctx := testContext(t)
	fake := newFake(t)
	c := newClient(t, fake.ListenAddrs(), nil)
	topic := newTopic(ctx, t, c, 1, nil)
	p := newProducer(ctx, t, c)
	refuseOne(fake, 87)
	var refused *kafka.Error
	for range 2 {
		if err := p.Produce(ctx, numbered(topic, 0, 0, 1)); !errors.As(err, &refused) || refused.Code != 87 || refused.Topic != topic {
			t.Fatalf("got %v, want code 87", err)
		}
	}
	if err := p.Produce(ctx, numbered(topic, 0, 0, 1)); err != nil {
		t.Fatal(err)
	}
}

func Test_batch_given_up_does_not_swallow_the_next(t *testing.T) {
	ctx := testContext(t)
	faults := new(faultyConns)
	fake := newFake(t, kfake.ListenFn(faults.listen))
	c := newClient(t, fake.ListenAddrs(), nil)
	topic := newTopic(ctx, t, c, 1, nil)
	p := newProducer(ctx, t, c)
	if err := p.Produce(ctx, numbered(topic, 0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	// The batch is appended, its answer lost, and the caller gives up before it is
	// sent again.
	giveUp, cancel := context.WithCancel(ctx)
	fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.DropControl()
		faults.armed.Store(true)
		return nil, nil, false
	})
	fake.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		cancel()
		return nil, errors.New("injected"), true
	})
	if err := p.Produce(giveUp, numbered(topic, 0, 1, 1)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's error", err)
	}
	if err := p.Produce(ctx, numbered(topic, 0, 2, 1)); err != nil {
		t.Fatal(err)
	}
	if got := values(readAll(ctx, t, c, topic, 0)); got != "0 1 2 " {
		t.Errorf("got %s, want 0 1 2", got)
	}
}

func Test_producer_without_id_is_never_used(t *testing.T) {
	ctx := testContext(t)
	fake := newFake(t)
	var refusals, batches, ids atomic.Int32
	fake.ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		r, _ := req.(*kmsg.InitProducerIDRequest)
		codes := []int16{14, 16, 15}
		n := int(refusals.Add(1)) - 1
		if n >= len(codes) {
			return nil, nil, false
		}
		res, _ := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		res.ErrorCode, res.ProducerID, res.ProducerEpoch = codes[n], -1, -1
		return res, nil, true
	})
	fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r, _ := req.(*kmsg.ProduceRequest)
		for _, topic := range r.Topics {
			for _, part := range topic.Partitions {
				var b kmsg.RecordBatch
				if err := b.ReadFrom(part.Records); err == nil && b.ProducerID >= 0 && b.ProducerEpoch >= 0 {
					ids.Add(1)
				}
				batches.Add(1)
			}
		}
		return nil, nil, false
	})
	c := newClient(t, fake.ListenAddrs(), nil)
	topic := newTopic(ctx, t, c, 1, nil)
	if err := newProducer(ctx, t, c).Produce(ctx, numbered(topic, 0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	if batches.Load() == 0 || ids.Load() != batches.Load() {
		t.Errorf("%d of %d batches have a producer id", ids.Load(), batches.Load())
	}
}

func Test_moving_leaders_lose_and_repeat_nothing(t *testing.T) {
	ctx := testContext(t)
	fake := newFake(t)
	c := newClient(t, fake.ListenAddrs(), nil)
	const partitions, rounds = 6, 40
	topic := newTopic(ctx, t, c, partitions, nil)
	p := newProducer(ctx, t, c)
	k := newCollector()
	consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}, k.handler("one"))
	for round := range rounds {
		if round%4 == 0 {
			fake.ShufflePartitionLeaders()
		}
		var recs []kafka.Record
		for partition := range int32(partitions) {
			recs = append(recs, numbered(topic, partition, 10*round, 10)...)
		}
		if err := p.Produce(ctx, recs); err != nil {
			t.Fatal(err)
		}
	}
	k.wait(ctx, t, "all is read", func() bool { return k.count() == partitions*rounds*10 })
	for partition := range int32(partitions) {
		want := values(numbered(topic, partition, 0, 10*rounds))
		if got := values(readAll(ctx, t, c, topic, partition)); got != want {
			t.Errorf("partition %d: got %s", partition, got)
		}
	}
}

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
