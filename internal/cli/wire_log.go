package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"sluice/internal/broker"
	"sluice/internal/bulk"
	"sluice/internal/config"
	"sluice/internal/kafka"
)

// eventLog is the log as the roles see it: the embedded broker or a Kafka cluster.
type eventLog struct {
	client   *kafka.Client
	producer *kafka.Producer
	broker   *broker.Broker // nil on a Kafka cluster
	cluster  string
	address  string // of the embedded broker
	log      *slog.Logger
	outgoing sync.Pool // of *outgoing
}

// openBroker starts the embedded broker, if the configuration has one.
func openBroker(ctx context.Context, cfg config.Config, dir string, log *slog.Logger) (*broker.Broker, error) {
	if !cfg.EmbedsBroker() {
		return nil, nil //nolint:nilnil // no embedded broker is a valid outcome
	}
	b, err := broker.Open(ctx, broker.Options{
		Dir: dir, Listen: cfg.KafkaListen, MaxLogBytes: int64(cfg.KafkaLogBytes), Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the embedded broker: %w", err)
	}
	return b, nil
}

// dialLog makes the client of the log; it does not connect yet.
func dialLog(cfg config.Config, b *broker.Broker, reg prometheus.Registerer, log *slog.Logger) (*eventLog, error) {
	l := &eventLog{broker: b, log: log}
	brokers := cfg.Kafka
	if b != nil {
		l.address = b.Addr()
		brokers = []string{l.address}
	}
	client, err := kafka.NewClient(kafka.Options{Brokers: brokers, Logger: log, Registerer: reg})
	if err != nil {
		return nil, fmt.Errorf("configuring the Kafka client: %w", err)
	}
	l.client = client
	return l, nil
}

// connectLog connects to the log, makes the topics and takes a producer id.
func connectLog(ctx context.Context, cfg config.Config, b *broker.Broker, reg prometheus.Registerer, log *slog.Logger) (*eventLog, error) {
	l, err := dialLog(cfg, b, reg, log)
	if err != nil {
		return nil, err
	}
	if err := l.prepare(ctx, cfg); err != nil {
		return nil, errors.Join(err, l.client.Close())
	}
	return l, nil
}

func (l *eventLog) prepare(ctx context.Context, cfg config.Config) error {
	l.log.Info("connecting to the log", "brokers", cfg.Brokers(), "embedded", l.broker != nil)
	if err := l.client.EnsureTopics(ctx, topics(cfg)); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	if err := l.client.WaitReady(ctx); err != nil {
		return fmt.Errorf("waiting for the log: %w", err)
	}
	var err error
	if l.cluster, err = l.client.ClusterID(ctx); err != nil {
		return fmt.Errorf("reading the cluster id: %w", err)
	}
	if l.producer, err = l.client.NewProducer(ctx); err != nil {
		return fmt.Errorf("taking a producer id: %w", err)
	}
	return nil
}

// topics returns what the log must hold. On a Kafka cluster retention is by age;
// the embedded broker's cap is shared out by size.
func topics(cfg config.Config) []kafka.TopicConfig {
	n := cfg.Partitions
	list := []kafka.TopicConfig{
		{Name: bulk.TopicUpdates, Partitions: n, Configs: map[string]string{"retention.ms": "604800000"}},
		{Name: bulk.TopicResults, Partitions: max(n/3, 2), Configs: map[string]string{"retention.ms": "604800000"}},
		{Name: bulk.TopicChanges, Partitions: n, Configs: map[string]string{"retention.ms": "-1"}},
		{Name: bulk.TopicResponses, Partitions: 2, Configs: map[string]string{"cleanup.policy": "compact"}},
		{Name: bulk.TopicDeadLetters, Partitions: 1, Configs: map[string]string{"retention.ms": "-1"}},
	}
	for i := range list {
		list[i].ReplicationFactor = -1
		if cfg.EmbedsBroker() {
			share := int64(cfg.KafkaLogBytes) * logShares[list[i].Name] / 100
			list[i].Configs = map[string]string{"retention.bytes": strconv.FormatInt(share/int64(list[i].Partitions), 10)}
		}
	}
	return list
}

// logShares is how the embedded log's cap is shared out, in per cent. A partition
// takes a quarter more than its retention, so that the sum stays below 80.
var logShares = map[string]int64{
	bulk.TopicUpdates: 20, bulk.TopicResults: 10, bulk.TopicChanges: 36, bulk.TopicResponses: 6, bulk.TopicDeadLetters: 4,
}

// Publish implements bulk.Publisher.
func (l *eventLog) Publish(ctx context.Context, records []bulk.Record) error {
	if len(records) == 0 {
		return nil
	}
	out, ok := l.outgoing.Get().(*outgoing)
	if !ok {
		out = new(outgoing)
	}
	if err := l.producer.Produce(ctx, out.fill(records)); err != nil {
		return err
	}
	out.forget()
	l.outgoing.Put(out)
	return l.durable(ctx)
}

// outgoing is memory for records on their way to the producer, which keeps none
// of it.
type outgoing struct {
	records []kafka.Record
	headers []kafka.Header
}

// fill gives records the client's type; keys, values and headers alias theirs.
func (o *outgoing) fill(records []bulk.Record) []kafka.Record {
	total := 0
	for i := range records {
		total += len(records[i].Headers)
	}
	o.records = slices.Grow(o.records[:0], len(records))
	o.headers = slices.Grow(o.headers[:0], total)
	for i := range records {
		r := &records[i]
		first := len(o.headers)
		for _, h := range r.Headers {
			o.headers = append(o.headers, kafka.Header(h))
		}
		o.records = append(o.records, kafka.Record{
			Topic: r.Topic, Partition: r.Partition, Time: r.Time, Key: r.Key, Value: r.Value,
			Headers: o.headers[first:len(o.headers):len(o.headers)],
		})
	}
	return o.records
}

// forget lets go of what the records alias.
func (o *outgoing) forget() {
	clear(o.records)
	clear(o.headers)
}

// durable waits until everything acknowledged so far survives a power cut. On a
// Kafka cluster the acknowledgement of all in-sync replicas is that.
func (l *eventLog) durable(ctx context.Context) error {
	if l.broker == nil {
		return nil
	}
	return l.broker.Barrier(ctx)
}

// partitions returns the partition count of customer.updates.
func (l *eventLog) partitions(ctx context.Context) (int32, error) {
	n, err := l.client.Partitions(ctx, bulk.TopicUpdates)
	return int32(n), err
}

// What is asked for of one partition at a time: some 1,500 ordinary rows, fewer
// where partitions are many. A partition holds a few times that in memory.
const (
	embeddedFetchBytes = 512 << 10
	clusterFetchBytes  = 256 << 10
)

// consume runs a role's partitions of its topics until ctx ends.
func (l *eventLog) consume(ctx context.Context, group string, topics []string, assigned func(), run func(context.Context, bulk.Partition) error) error {
	bytes := clusterFetchBytes
	if l.broker != nil {
		bytes = embeddedFetchBytes
	}
	return l.client.Consume(ctx, kafka.ConsumerOptions{Group: group, Topics: topics, MaxFetchBytes: bytes},
		func(ctx context.Context, p *kafka.Partition) error {
			assigned()
			return run(ctx, &partition{log: l, part: p})
		})
}

// partition implements bulk.Partition.
type partition struct {
	log     *eventLog
	part    *kafka.Partition
	records []bulk.Record
	headers []bulk.Header
	lag     int64
}

func (p *partition) Source() bulk.Source {
	return bulk.Source{Cluster: p.log.cluster, Topic: p.part.Topic(), Partition: p.part.ID()}
}

func (p *partition) Bounds(ctx context.Context) (first, end int64, err error) {
	return p.part.Bounds(ctx)
}

func (p *partition) SeekTo(offset int64) { p.part.SeekTo(offset) }

// Fetch implements bulk.Partition. A batch that no client could read is passed
// over: its rows show themselves as a gap, and their uploads are sent again.
func (p *partition) Fetch(ctx context.Context) ([]bulk.Record, int64, error) {
	for {
		b, err := p.part.Fetch(ctx)
		var corrupt *kafka.CorruptError
		switch {
		case errors.As(err, &corrupt) && corrupt.Next > corrupt.Offset:
			p.log.log.Error("a record batch of the log cannot be read and is passed over", "topic", corrupt.Topic,
				"partition", corrupt.Partition, "offset", corrupt.Offset, "err", err)
			p.part.SeekTo(corrupt.Next)
			continue
		case errors.Is(err, kafka.ErrOffsetOutOfRange):
			return nil, 0, fmt.Errorf("%w: %w", bulk.ErrOffsetOutOfRange, err)
		case err != nil:
			return nil, 0, err
		}
		p.lag = max(b.HighWater-b.Next, 0)
		p.records, p.headers = convert(b.Records, p.records[:0], p.headers[:0])
		return p.records, b.Next, nil
	}
}

// convert gives fetched records the domain's type; keys, values and headers alias
// the fetched ones.
func convert(in []kafka.Record, records []bulk.Record, headers []bulk.Header) ([]bulk.Record, []bulk.Header) {
	total := 0
	for i := range in {
		total += len(in[i].Headers)
	}
	if cap(headers) < total {
		headers = make([]bulk.Header, 0, total)
	}
	for i := range in {
		r := &in[i]
		first := len(headers)
		for _, h := range r.Headers {
			headers = append(headers, bulk.Header(h))
		}
		records = append(records, bulk.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value,
			Headers: headers[first:len(headers):len(headers)],
		})
	}
	return records, headers
}

func (p *partition) Lag() int64 { return p.lag }

func (p *partition) Durable(ctx context.Context) error { return p.log.durable(ctx) }

func (p *partition) Commit(ctx context.Context, next int64) error { return p.part.Commit(ctx, next) }

// followResponses tells finished of every upload answered anywhere, from now on,
// until ctx ends: how a producer hears of uploads that another process finished.
func (l *eventLog) followResponses(ctx context.Context, finished func(uploadID string)) error {
	n, err := l.client.Partitions(ctx, bulk.TopicResponses)
	if err != nil {
		return fmt.Errorf("counting partitions of %s: %w", bulk.TopicResponses, err)
	}
	var g errgroup.Group
	for i := range n {
		g.Go(func() error {
			l.followPartition(ctx, int32(i), finished)
			return nil
		})
	}
	return g.Wait()
}

func (l *eventLog) followPartition(ctx context.Context, partition int32, finished func(string)) {
	pause := bulk.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}
	for ctx.Err() == nil {
		err := l.client.Read(ctx, bulk.TopicResponses, partition, kafka.End, func(b *kafka.Batch) error {
			pause.Reset()
			for i := range b.Records {
				finished(string(b.Records[i].Key))
			}
			return nil
		})
		if ctx.Err() == nil {
			l.log.Warn("following the responses stopped, trying again", "partition", partition, "err", err)
			pause.Wait(ctx)
		}
	}
}
