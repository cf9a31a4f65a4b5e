package broker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/broker"
)

// configs reads what DescribeConfigs says of a topic.
func configs(t *testing.T, cl *kgo.Client, topic string) map[string]string {
	t.Helper()
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(testContext(t), cl)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, c := range resp.Resources[0].Configs {
		if c.Value != nil {
			got[c.Name] = *c.Value
		}
	}
	return got
}

// alter sets one key and answers the error.
func alter(t *testing.T, cl *kgo.Client, kind kmsg.ConfigResourceType, name, key, value string) error {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kind, name
	r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: key, Value: &value}}
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(testContext(t), cl)
	if err != nil {
		t.Fatal(err)
	}
	return kerr.ErrorForCode(resp.Resources[0].ErrorCode)
}

// ends answers the first offset and the next one of partition 0.
func ends(t *testing.T, cl *kgo.Client, topic string) (first, next int64) {
	t.Helper()
	at := func(timestamp int64) int64 {
		req := kmsg.NewPtrListOffsetsRequest()
		req.ReplicaID = -1
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Timestamp = timestamp
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic, rt.Partitions = topic, []kmsg.ListOffsetsRequestTopicPartition{p}
		req.Topics = append(req.Topics, rt)
		resp, err := req.RequestWith(testContext(t), cl)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Topics[0].Partitions[0].Offset
	}
	return at(-2), at(-1)
}

func TestCreatedTopicKeepsBySizeOnly(t *testing.T) {
	o := options(t.TempDir())
	o.MaxLogBytes = 160 << 20
	b, _ := start(t, o)
	cl := client(t, b)
	mustCreate(t, cl, "asked", 2, map[string]string{
		"cleanup.policy": "compact", "retention.ms": "1000", "retention.bytes": "8388608", "segment.bytes": "1",
	})
	mustCreate(t, cl, "unasked", 2, nil)
	for topic, size := range map[string]int{"asked": 8 << 20, "unasked": 160 << 20 / 16 / 2} {
		got := configs(t, cl, topic)
		want := map[string]string{
			"cleanup.policy": "delete", "retention.ms": "-1",
			"retention.bytes": strconv.Itoa(size), "segment.bytes": strconv.Itoa(max(size/4, 1<<20)),
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %s is %q, want %q", topic, k, got[k], v)
			}
		}
	}
}

func TestTopicsTogetherStayWithinTheCap(t *testing.T) {
	o := options(t.TempDir())
	o.MaxLogBytes = 64 << 20
	b, _ := start(t, o)
	cl := client(t, b)
	mustCreate(t, cl, "first", 1, map[string]string{"retention.bytes": strconv.Itoa(1 << 40)})
	if got, want := configs(t, cl, "first")["retention.bytes"], strconv.Itoa((64<<20)*4/5); got != want {
		t.Errorf("first got %s bytes, want %s", got, want)
	}
	if err := createTopic(t, cl, "second", 1, nil); !errors.Is(err, kerr.PolicyViolation) {
		t.Errorf("second topic: %v", err)
	}
	if err := createTopic(t, cl, "first", 1, nil); !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Errorf("same topic again: %v", err)
	}
	if err := createTopic(t, cl, "million", 1_000_000, nil); !errors.Is(err, kerr.PolicyViolation) {
		t.Errorf("a million partitions: %v", err)
	}
	grow := kmsg.NewPtrCreatePartitionsRequest()
	grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "first", Count: 2}}
	resp, err := grow.RequestWith(testContext(t), cl)
	if err != nil || resp.Topics[0].ErrorCode != kerr.PolicyViolation.Code {
		t.Errorf("more partitions: %v, %+v", err, resp)
	}
	if err := alter(t, cl, kmsg.ConfigResourceTypeTopic, "first", "retention.bytes", strconv.Itoa(4<<20)); err != nil {
		t.Errorf("less retention: %v", err)
	}
	mustCreate(t, cl, "second", 1, nil)
}

func TestAlterationsThatBreakAFenceAreRefused(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	cl := client(t, b)
	mustCreate(t, cl, "rows", 1, nil)
	for name, c := range map[string]struct {
		kind       kmsg.ConfigResourceType
		on         string
		key, value string
		want       error
	}{
		"retention_by_time":           {kmsg.ConfigResourceTypeTopic, "rows", "retention.ms", "1000", kerr.PolicyViolation},
		"retention_that_empties":      {kmsg.ConfigResourceTypeTopic, "rows", "retention.bytes", "0", kerr.PolicyViolation},
		"unbounded_retention":         {kmsg.ConfigResourceTypeTopic, "rows", "retention.bytes", "-1", kerr.PolicyViolation},
		"retention_over_the_cap":      {kmsg.ConfigResourceTypeTopic, "rows", "retention.bytes", "1099511627776", kerr.PolicyViolation},
		"compaction":                  {kmsg.ConfigResourceTypeTopic, "rows", "cleanup.policy", "compact", kerr.PolicyViolation},
		"larger_batches":              {kmsg.ConfigResourceTypeTopic, "rows", "max.message.bytes", "9000000", kerr.PolicyViolation},
		"setting_of_the_broker":       {kmsg.ConfigResourceTypeBroker, "", "log.retention.ms", "1", kerr.PolicyViolation},
		"the_policy_in_force":         {kmsg.ConfigResourceTypeTopic, "rows", "cleanup.policy", "delete", nil},
		"another_size_within_the_cap": {kmsg.ConfigResourceTypeTopic, "rows", "retention.bytes", "4194304", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if err := alter(t, cl, c.kind, c.on, c.key, c.value); !errors.Is(err, c.want) {
				t.Fatalf("answered %v, want %v", err, c.want)
			}
		})
	}
}

func TestRetentionDropsTheOldestAndOffsetsGoOn(t *testing.T) {
	o := options(t.TempDir()).WithRetentionEvery(10 * time.Millisecond)
	b, stop := start(t, o)
	cl := client(t, b)
	mustCreate(t, cl, "rows", 1, map[string]string{"retention.bytes": "1"}) // raised to the least
	value := strings.Repeat("x", 512<<10)
	const records = 24 // 12 MiB
	for range records {
		produce(t, cl, "rows", value)
	}
	waitKept(t, cl, "rows", 3)                  // a fourth batch would pass 2 MiB by its head
	for _, image := range []bool{true, false} { // an abrupt end, then a clean one
		dir := o.Dir
		if image {
			dir = t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(o.Dir)); err != nil {
				t.Fatal(err)
			}
		} else if err := stop(); err != nil {
			t.Fatal(err)
		}
		again, _ := start(t, options(dir))
		cl := client(t, again)
		low, high := ends(t, cl, "rows")
		if high != records || low == 0 {
			t.Fatalf("after restart offsets %d to %d", low, high)
		}
		equal(t, fetch(t, again, "rows", 1)[:1], []string{value})
		if last := produce(t, cl, "rows", "next"); last != records {
			t.Fatalf("next offset is %d, want %d", last, records)
		}
	}
}

// waitKept waits until partition 0 holds n records, its first ones dropped.
func waitKept(t *testing.T, cl *kgo.Client, topic string, n int64) {
	t.Helper()
	ctx := testContext(t)
	for ctx.Err() == nil {
		if first, next := ends(t, cl, topic); first > 0 && next-first == n {
			return
		}
	}
	t.Fatal("nothing was dropped")
}

func TestRetentionGoesOnAfterARestart(t *testing.T) {
	o := options(t.TempDir()).WithRetentionEvery(10 * time.Millisecond)
	b, stop := start(t, o)
	mustCreate(t, client(t, b), "rows", 1, map[string]string{"retention.bytes": "1"})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	b, _ = start(t, o)
	cl := client(t, b)
	for range 12 {
		produce(t, cl, "rows", strings.Repeat("x", 512<<10))
	}
	waitKept(t, cl, "rows", 3)
}

func TestLoweredCapShrinksStoredTopics(t *testing.T) {
	o := options(t.TempDir())
	b, stop := start(t, o)
	mustCreate(t, client(t, b), "rows", 1, map[string]string{"retention.bytes": strconv.Itoa(100 << 20)})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	o.MaxLogBytes = 50 << 20
	b, _ = start(t, o)
	got, err := strconv.ParseInt(configs(t, client(t, b), "rows")["retention.bytes"], 10, 64)
	if err != nil || broker.TopicCost(1, got) > o.MaxLogBytes || got < 30<<20 {
		t.Fatalf("retention is %d bytes under a cap of %d: %v", got, o.MaxLogBytes, err)
	}
}

func TestPartitionsOfNoTopicAreRemoved(t *testing.T) {
	o := options(t.TempDir())
	b, stop := start(t, o)
	cl := client(t, b)
	mustCreate(t, cl, "kept", 1, nil)
	produce(t, cl, "kept", "row")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(o.Dir, "partitions", "gone-0")
	if err := os.MkdirAll(orphan, 0o750); err != nil {
		t.Fatal(err)
	}
	b, _ = start(t, o)
	if _, err := os.Stat(orphan); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("orphan is still there: %v", err)
	}
	equal(t, fetch(t, b, "kept", 1), []string{"row"})
}

func TestSizesAreGrantedWithinWhatIsFree(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		wish       int64
		partitions int
		free, all  int64
		want       int64
		fits       bool
	}{
		"wish_that_fits":              {8 * mib, 2, 512 * mib, 512 * mib, 8 * mib, true},
		"no_wish_takes_a_share":       {0, 2, 512 * mib, 512 * mib, 16 * mib, true},
		"no_bound_takes_a_share":      {-1, 1, 512 * mib, 512 * mib, 32 * mib, true},
		"wish_beyond_what_is_free":    {900 * mib, 1, 100 * mib, 512 * mib, 80 * mib, true},
		"small_rest_keeps_a_segment":  {900 * mib, 1, 4 * mib, 512 * mib, 3 * mib, true},
		"large_rest_keeps_a_segment":  {9000 * mib, 1, 1064 * mib, 9000 * mib, 1000 * mib, true},
		"too_small_a_wish_is_raised":  {1, 1, 512 * mib, 512 * mib, 2 * mib, true},
		"nothing_free":                {8 * mib, 1, 2 * mib, 512 * mib, 0, false},
		"overdrawn":                   {8 * mib, 1, -5 * mib, 512 * mib, 0, false},
		"no_partition":                {8 * mib, 0, 512 * mib, 512 * mib, 0, false},
		"two_billion_partitions":      {8 * mib, 1<<31 - 1, 512 * mib, 512 * mib, 0, false},
		"share_of_a_tiny_cap_is_kept": {0, 4, 16 * mib, 16 * mib, 2 * mib, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, fits := broker.GrantRetention(c.wish, c.partitions, c.free, c.all)
			if got != c.want || fits != c.fits {
				t.Fatalf("granted %d, %v; want %d, %v", got, fits, c.want, c.fits)
			}
			if fits && broker.TopicCost(c.partitions, got) > c.free {
				t.Fatalf("costs %d of %d", broker.TopicCost(c.partitions, got), c.free)
			}
		})
	}
}
