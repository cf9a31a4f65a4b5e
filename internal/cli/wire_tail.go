package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/config"
	"sluice/internal/kafka"
	"sluice/internal/ops"
)

// tail prints the events of a topic as JSON lines, decoded by their schema.
func tail(ctx context.Context, cfg config.Config, o tailOptions, stdout, stderr io.Writer) (err error) {
	log, err := ops.NewLogger(stderr, cfg.LogFormat, cfg.LogLevel)
	if err != nil {
		return err
	}
	codec, err := openCodec(ctx, cfg)
	if err != nil {
		return err
	}
	l, err := dialLog(withBrokers(cfg), nil, prometheus.NewRegistry(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.client.Close()) }()
	n, err := l.client.Partitions(ctx, o.topic)
	if err != nil {
		return usageError(fmt.Errorf("topic %s: %w", o.topic, err))
	}
	p := &printer{out: stdout, decode: codec.JSON, topic: o.topic, left: o.count, isBounded: o.count > 0}
	from := kafka.End
	if o.fromStart {
		from = kafka.First
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, n)
	for i := range n {
		go func() {
			done <- l.client.Read(ctx, o.topic, int32(i), from, p.print)
		}()
	}
	for range n {
		e := <-done
		cancel() // one end ends all: the count is reached, or the topic cannot be read
		if err == nil && !errors.Is(e, errEnough) && !errors.Is(e, context.Canceled) {
			err = e
		}
	}
	return err
}

// withBrokers points the client at the embedded broker of a running server.
func withBrokers(cfg config.Config) config.Config {
	cfg.Kafka = cfg.Brokers()
	return cfg
}

// errEnough ends the reading when the asked number of events is printed.
var errEnough = errors.New("enough events")

// printer prints events of several partitions one line at a time.
type printer struct {
	out       io.Writer
	decode    func(topic string, value []byte) ([]byte, error)
	topic     string
	mu        sync.Mutex
	left      int
	isBounded bool
}

func (p *printer) print(b *kafka.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range b.Records {
		r := &b.Records[i]
		if p.isBounded && p.left == 0 {
			return errEnough
		}
		p.left--
		if err := p.line(r); err != nil {
			return err
		}
	}
	if p.isBounded && p.left == 0 {
		return errEnough
	}
	return nil
}

// line prints one event: where it stands, its key, its headers, and its value
// decoded.
func (p *printer) line(r *kafka.Record) error {
	value := []byte("null")
	if r.Value != nil {
		var err error
		if value, err = p.decode(p.topic, r.Value); err != nil {
			value = fmt.Appendf(nil, `{"undecodable":%s,"bytes":%d}`, jsonText(err.Error()), len(r.Value))
		}
	}
	_, err := fmt.Fprintf(p.out, `{"partition":%d,"offset":%d,"key":%s,"headers":%s,"value":%s}`+"\n",
		r.Partition, r.Offset, jsonText(string(r.Key)), jsonHeaders(r.Headers), value)
	return err
}

// jsonHeaders writes headers as an object. Of several with one name the last
// counts: a dead letter's own stand behind those it was received with.
func jsonHeaders(headers []kafka.Header) []byte {
	values := make(map[string]string, len(headers))
	for _, h := range headers {
		values[h.Key] = string(h.Value)
	}
	b, err := json.Marshal(values)
	if err != nil {
		return []byte("{}")
	}
	return b
}

// jsonText writes a string as JSON.
func jsonText(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return b
}
