package cli_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sluice/internal/broker"
	"sluice/internal/bulk"
	"sluice/internal/event"
	"sluice/internal/kafka"
)

// startLog runs an embedded broker with one topic and returns its address.
func startLog(t *testing.T, topic string) string {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c := newKafka(t, b.Addr())
	if err := c.EnsureTopics(t.Context(), []kafka.TopicConfig{{Name: topic, Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	return b.Addr()
}

func newKafka(t *testing.T, addr string) *kafka.Client {
	t.Helper()
	c, err := kafka.NewClient(kafka.Options{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// A dead letter is of use only with its headers: why it is one, and where it stood.
func TestTailShowsWhyARecordIsADeadLetter(t *testing.T) {
	addr := startLog(t, bulk.TopicDeadLetters)
	p, err := newKafka(t, addr).NewProducer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	letter := event.DeadLetterRecord(&bulk.Record{
		Topic: bulk.TopicUpdates, Partition: 3, Offset: 41, Key: []byte("CEKDEMO001/x"), Value: []byte("garbage"),
		Headers: []bulk.Header{{Key: "upload", Value: []byte("u1")}, {Key: "topic", Value: []byte("forged")}, {Key: "odd", Value: []byte{0xff}}},
	}, "unknown schema")
	r := kafka.Record{Topic: letter.Topic, Key: letter.Key, Value: letter.Value}
	for _, h := range letter.Headers {
		r.Headers = append(r.Headers, kafka.Header(h))
	}
	if err := p.Produce(t.Context(), []kafka.Record{r}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	code, stdout, stderr := runContext(ctx, "tail", bulk.TopicDeadLetters, "--kafka", addr, "--from-start", "--count", "1")
	var line struct {
		Key     string
		Headers map[string]string
		Value   string
	}
	if err := json.Unmarshal([]byte(stdout), &line); err != nil || code != 0 || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("exit %d, stdout %q, stderr %q (%v)", code, stdout, stderr, err)
	}
	want := map[string]string{"upload": "u1", "reason": "unknown schema", "topic": bulk.TopicUpdates, "partition": "3", "offset": "41", "odd": "\ufffd"}
	for name, value := range want {
		if line.Headers[name] != value {
			t.Errorf("header %s is %q, want %q", name, line.Headers[name], value)
		}
	}
	if line.Key != "CEKDEMO001/x" || line.Value != "Z2FyYmFnZQ==" || len(line.Headers) != len(want) {
		t.Errorf("line %s", stdout)
	}
}
