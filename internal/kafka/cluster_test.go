package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"sluice/internal/kafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline ends a test that waits for something that does not come.
const deadline = 60 * time.Second

// suite is what holds on every broker. Test_suite runs it on the fake or, if
// SLUICE_TEST_KAFKA lists brokers, on those.
var suite = []struct {
	name string
	run  func(t *testing.T, brokers []string)
}{
	{"produced_records_come_back_in_order", producedRecordsComeBackInOrder},
	{"records_of_other_clients_are_read", recordsOfOtherClientsAreRead},
	{"other_clients_read_our_records", otherClientsReadOurRecords},
	{"concurrent_calls_keep_each_order", concurrentCallsKeepEachOrder},
	{"records_without_partition_go_where_the_key_belongs", recordsGoWhereTheKeyBelongs},
	{"batch_larger_than_the_fetch_limit_is_read", batchLargerThanTheFetchLimitIsRead},
	{"record_too_large_is_refused_and_the_next_is_not", recordTooLargeIsRefused},
	{"ensuring_topics_is_repeatable", ensuringTopicsIsRepeatable},
	{"fetch_below_log_start_reports_out_of_range", fetchBelowLogStartReportsOutOfRange},
	{"fetch_beyond_the_end_reports_out_of_range", fetchBeyondTheEndReportsOutOfRange},
	{"read_from_end_sees_what_arrives_later", readFromEndSeesWhatArrivesLater},
	{"unknown_topic_is_reported", unknownTopicIsReported},
	{"two_members_split_and_take_over", twoMembersSplitAndTakeOver},
	{"group_goes_on_at_its_commit", groupGoesOnAtItsCommit},
	{"slow_partition_does_not_delay_others", slowPartitionDoesNotDelayOthers},
	{"handler_that_fails_is_called_again", handlerThatFailsIsCalledAgain},
}

func Test_suite(t *testing.T) {
	var brokers []string
	if list := os.Getenv("SLUICE_TEST_KAFKA"); list != "" {
		brokers = strings.Split(list, ",")
	} else {
		brokers = newFake(t).ListenAddrs()
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := newClient(t, brokers, nil).WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	for _, tc := range suite {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, brokers) })
	}
}

// newFake starts a cluster of three brokers in this process.
func newFake(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.GroupMinSessionTimeout(time.Second)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// newClient returns a client that is closed at the end of the test; change, if not
// nil, adjusts its options.
func newClient(t testing.TB, brokers []string, change func(*kafka.Options)) *kafka.Client {
	t.Helper()
	o := kafka.Options{Brokers: brokers, RequestTimeout: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&o)
	}
	c, err := kafka.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// newTopic creates a topic with a name of its own.
func newTopic(ctx context.Context, t testing.TB, c *kafka.Client, partitions int, configs map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("test.%x", rand.Uint64())
	if configs == nil {
		configs = map[string]string{"retention.ms": "-1"} // the records' times are old
	}
	err := c.EnsureTopics(ctx, []kafka.TopicConfig{{Name: name, Partitions: partitions, Configs: configs}})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func newProducer(ctx context.Context, t testing.TB, c *kafka.Client) *kafka.Producer {
	t.Helper()
	p, err := c.NewProducer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// testContext ends with the test or its deadline.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

var errEnough = errors.New("enough")

// readAll returns copies of what a partition holds.
func readAll(ctx context.Context, t testing.TB, c *kafka.Client, topic string, partition int32) []kafka.Record {
	t.Helper()
	_, end, err := c.Offsets(ctx, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	var all []kafka.Record
	if end == 0 {
		return nil
	}
	err = c.Read(ctx, topic, partition, kafka.First, func(b *kafka.Batch) error {
		for _, r := range b.Records {
			all = append(all, clone(r))
		}
		if b.Next >= end {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	return all
}

func clone(r kafka.Record) kafka.Record {
	dup := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		return append([]byte{}, b...)
	}
	r.Key, r.Value = dup(r.Key), dup(r.Value)
	headers := make([]kafka.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kafka.Header{Key: h.Key, Value: dup(h.Value)}
	}
	r.Headers = headers
	return r
}

// numbered returns records of one partition whose values count from first.
func numbered(topic string, partition int32, first, n int) []kafka.Record {
	recs := make([]kafka.Record, n)
	for i := range recs {
		recs[i] = kafka.Record{Topic: topic, Partition: partition, Value: fmt.Appendf(nil, "%d", first+i)}
	}
	return recs
}

// values joins the values of records.
func values(recs []kafka.Record) string {
	var b strings.Builder
	for _, r := range recs {
		b.Write(r.Value)
		b.WriteByte(' ')
	}
	return b.String()
}

// faultyConns wraps what brokers write to their clients: once armed, the next write
// is lost and its connection ends.
type faultyConns struct {
	armed atomic.Bool
	lost  atomic.Int32
}

func (f *faultyConns) listen(network, address string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), network, address)
	return faultyListener{ln, f}, err
}

type faultyListener struct {
	net.Listener
	f *faultyConns
}

func (l faultyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return faultyConn{conn, l.f}, nil
}

type faultyConn struct {
	net.Conn
	f *faultyConns
}

func (c faultyConn) Write(b []byte) (int, error) {
	if c.f.armed.CompareAndSwap(true, false) {
		c.f.lost.Add(1)
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}
