package kafka_test

import (
	"context"
	"errors"
	"net"
	"strconv"
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

func Test_restart_of_the_only_broker_is_survived(t *testing.T) {
	ctx := testContext(t)
	dir := t.TempDir()
	fake := newFake(t, kfake.NumBrokers(1), kfake.DataDir(dir))
	brokers := fake.ListenAddrs()
	_, portText, err := net.SplitHostPort(brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, brokers, func(o *kafka.Options) { o.SessionTimeout = 1500 * time.Millisecond })
	topic := newTopic(ctx, t, c, 2, nil)
	p := newProducer(ctx, t, c)
	k := newCollector()
	consume(ctx, t, c, kafka.ConsumerOptions{Group: topic, Topics: []string{topic}}, k.handler("one"))
	for round := range 3 {
		for partition := range int32(2) {
			if err := p.Produce(ctx, numbered(topic, partition, 10*round, 10)); err != nil {
				t.Fatal(err)
			}
		}
		k.wait(ctx, t, "the round is read", func() bool { return k.count() == 20*(round+1) })
		fake.Close()
		fake = newFake(t, kfake.NumBrokers(1), kfake.DataDir(dir), kfake.Ports(port))
	}
	for partition := range int32(2) {
		want := values(numbered(topic, partition, 0, 30))
		if got := values(readAll(ctx, t, c, topic, partition)); got != want {
			t.Errorf("partition %d: got %s, want %s", partition, got, want)
		}
	}
}
