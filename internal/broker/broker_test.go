package broker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"sluice/internal/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(dir string) broker.Options {
	return broker.Options{Dir: dir, Listen: "127.0.0.1:0"}
}

// start opens a broker and runs it; the returned function ends it cleanly.
func start(t *testing.T, o broker.Options) (b *broker.Broker, stop func() error) {
	t.Helper()
	b, err := broker.Open(testContext(t), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return b, stop
}

// client is a Kafka client that gives up after a few seconds.
func client(t *testing.T, b *broker.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.Addr()), kgo.RecordDeliveryTimeout(deadline / 2), kgo.RetryTimeout(deadline / 2),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// createTopic answers the error code of one CreateTopics.
func createTopic(t *testing.T, cl *kgo.Client, name string, partitions int, configs map[string]string) error {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, int32(partitions), 1
	for k, v := range configs {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: k, Value: &v})
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(testContext(t), cl)
	if err != nil {
		t.Fatal(err)
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

func mustCreate(t *testing.T, cl *kgo.Client, name string, partitions int, configs map[string]string) {
	t.Helper()
	if err := createTopic(t, cl, name, partitions, configs); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

// produce appends values to a partition and returns the offset of the last.
func produce(t *testing.T, cl *kgo.Client, topic string, values ...string) int64 {
	t.Helper()
	var last int64
	for _, v := range values {
		r, err := cl.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(v)}).First()
		if err != nil {
			t.Fatalf("produce: %v", err)
		}
		last = r.Offset
	}
	return last
}

// fetch reads n records of partition 0 from its start.
func fetch(t *testing.T, b *broker.Broker, topic string, n int) []string {
	t.Helper()
	cl := client(t, b, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AtStart()},
	}))
	defer cl.Close()
	return poll(t, cl, n)
}

func poll(t *testing.T, cl *kgo.Client, n int) []string {
	t.Helper()
	ctx := testContext(t)
	var got []string
	for len(got) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("fetch after %d of %d: %v", len(got), n, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

func numbers(from, to int) []string {
	var s []string
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprintf("value-%d", i))
	}
	return s
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("read %v\nwant %v", got, want)
	}
}

func TestRecordsSurviveACleanRestart(t *testing.T) {
	dir := t.TempDir()
	b, stop := start(t, options(dir))
	id := b.ClusterID()
	cl := client(t, b)
	mustCreate(t, cl, "rows", 1, nil)
	produce(t, cl, "rows", numbers(0, 5)...)
	if err := b.Barrier(testContext(t)); err != nil {
		t.Fatalf("barrier: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
	if err := b.Barrier(testContext(t)); !errors.Is(err, broker.ErrClosed) {
		t.Fatalf("barrier after close answered %v", err)
	}

	b, _ = start(t, options(dir))
	if b.ClusterID() != id {
		t.Fatalf("cluster id %s became %s", id, b.ClusterID())
	}
	equal(t, fetch(t, b, "rows", 5), numbers(0, 5))
	if last := produce(t, client(t, b), "rows", "value-5"); last != 5 {
		t.Fatalf("next offset is %d, want 5", last)
	}
}

// A copy of the directory taken while the broker runs is what SIGKILL leaves.
func TestRecordsAndGroupSurviveAnAbruptEnd(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	cl := client(t, b)
	mustCreate(t, cl, "rows", 1, nil)
	produce(t, cl, "rows", numbers(0, 10)...)

	group := []kgo.Opt{
		kgo.ConsumerGroup("apply"), kgo.ConsumeTopics("rows"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100 * time.Millisecond),
	}
	member := client(t, b, group...)
	equal(t, poll(t, member, 10), numbers(0, 10))
	commit := map[string]map[int32]kgo.EpochOffset{"rows": {0: {Epoch: -1, Offset: 7}}}
	var committed error
	member.CommitOffsetsSync(testContext(t), commit,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			if committed = err; err == nil {
				committed = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
			}
		})
	if committed != nil {
		t.Fatalf("commit: %v", committed)
	}

	image := t.TempDir()
	if err := os.CopyFS(image, os.DirFS(b.Dir())); err != nil {
		t.Fatal(err)
	}
	killed, _ := start(t, options(image))
	if killed.ClusterID() != b.ClusterID() {
		t.Fatal("the cluster id was lost")
	}
	equal(t, fetch(t, killed, "rows", 10), numbers(0, 10))
	if last := produce(t, client(t, killed), "rows", "value-10"); last != 10 {
		t.Fatalf("next offset is %d, want 10", last)
	}
	equal(t, poll(t, client(t, killed, group...), 4), numbers(7, 11))
}

func TestNewDirectoryHasAnotherClusterID(t *testing.T) {
	a, _ := start(t, options(t.TempDir()))
	b, _ := start(t, options(t.TempDir()))
	if a.ClusterID() == "" || a.ClusterID() == b.ClusterID() {
		t.Fatalf("cluster ids %q and %q", a.ClusterID(), b.ClusterID())
	}
	o := options(t.TempDir())
	o.ClusterID = "chosen"
	c, _ := start(t, o)
	if c.ClusterID() != "chosen" {
		t.Fatalf("cluster id %q, want the chosen one", c.ClusterID())
	}
}

func TestPortZeroIsAdvertisedAsTheRealPort(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	_, port, err := net.SplitHostPort(b.Addr())
	if err != nil || port == "0" {
		t.Fatalf("address %q: %v", b.Addr(), err)
	}
	resp, err := kmsg.NewPtrMetadataRequest().RequestWith(testContext(t), client(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(resp.Brokers); n != 1 {
		t.Fatalf("%d brokers, want 1", n)
	}
	told := net.JoinHostPort(resp.Brokers[0].Host, fmt.Sprint(resp.Brokers[0].Port))
	if told != b.Addr() {
		t.Fatalf("clients are told %s, want %s", told, b.Addr())
	}
	if resp.ClusterID == nil || *resp.ClusterID != b.ClusterID() {
		t.Fatal("clients are told another cluster id")
	}
}

func TestAdvertisedAddressIsTold(t *testing.T) {
	o := options(t.TempDir())
	o.Advertise = "kafka.example:9999"
	b, _ := start(t, o)
	req := kmsg.NewPtrMetadataRequest()
	resp, err := req.RequestWith(testContext(t), client(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Brokers[0]; got.Host != "kafka.example" || got.Port != 9999 {
		t.Fatalf("clients are told %s:%d", got.Host, got.Port)
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, stop := start(t, options(dir))
	if _, err := broker.Open(testContext(t), options(dir)); !errors.Is(err, broker.ErrLocked) {
		t.Fatalf("second opener got %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	b, err := broker.Open(testContext(t), options(dir))
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Fatalf("close twice: %v", err)
	}
}

func TestOpenRefusesWhatItCannotServe(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	half := t.TempDir()
	if err := os.MkdirAll(filepath.Join(half, "partitions", "rows-0"), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]broker.Options{
		"no_directory":                 {Listen: "127.0.0.1:0"},
		"negative_cap":                 {Dir: t.TempDir(), MaxLogBytes: -1},
		"port_in_use":                  {Dir: t.TempDir(), Listen: taken.Addr().String()},
		"partitions_without_their_log": options(half),
		"advertised_without_port":      {Dir: t.TempDir(), Listen: "127.0.0.1:0", Advertise: "kafka"},
	} {
		t.Run(name, func(t *testing.T) {
			if b, err := broker.Open(testContext(t), o); err == nil {
				t.Fatalf("opened, close: %v", b.Close())
			}
		})
	}
}

func TestFailedSyncEndsTheBroker(t *testing.T) {
	lost := errors.New("page lost")
	broken := false
	o := options(t.TempDir()).WithSync(func() error {
		if broken {
			return lost
		}
		return nil
	})
	b, err := broker.Open(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	broken = true
	done := make(chan error, 1)
	go func() { done <- b.Run(context.Background()) }()
	if err := b.Barrier(testContext(t)); !errors.Is(err, lost) {
		t.Fatalf("barrier answered %v", err)
	}
	if err := <-done; !errors.Is(err, lost) {
		t.Fatalf("run answered %v", err)
	}
}
