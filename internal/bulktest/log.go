package bulktest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/kafka"
)

// Log is a log in memory: a bulk.Publisher, and the maker of bulk.Partition.
// Everything appended is durable at once. Safe for concurrent use.
type Log struct {
	// Fault, if not nil, is asked before each Publish how it is to go.
	Fault func(records []bulk.Record) PublishFault

	mu      sync.Mutex
	cluster string
	topics  map[string][]*logPartition
	changed chan struct{} // closed and made anew whenever the log changes
	history []bulk.Record // everything ever appended, whatever was lost since
}

// logPartition holds the records from offset first on.
type logPartition struct {
	first   int64
	records []bulk.Record
}

func (p *logPartition) end() int64 { return p.first + int64(len(p.records)) }

// PublishFault is how a Publish goes.
type PublishFault int

// The faults.
const (
	PublishWell   PublishFault = iota
	PublishBefore              // error, nothing was appended
	PublishPartly              // error, the first half was appended
	PublishAfter               // error, everything was appended
)

// ErrPublish is the error of a Publish that was made to fail.
var ErrPublish = errors.New("publish was made to fail")

// DefaultTopics are the topics of a small log.
func DefaultTopics(updates, results int) map[string]int {
	return map[string]int{
		bulk.TopicUpdates: updates, bulk.TopicResults: results, bulk.TopicChanges: updates,
		bulk.TopicResponses: 1, bulk.TopicDeadLetters: 1,
	}
}

// NewLog makes a log with so many empty partitions of each topic.
func NewLog(cluster string, partitions map[string]int) *Log {
	l := &Log{cluster: cluster, topics: map[string][]*logPartition{}, changed: make(chan struct{})}
	for topic, n := range partitions {
		for range n {
			l.topics[topic] = append(l.topics[topic], &logPartition{})
		}
	}
	return l
}

// Publish implements bulk.Publisher. Records without a partition go where their
// key says, as every client of the topic has it.
func (l *Log) Publish(ctx context.Context, records []bulk.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fault := PublishWell
	if l.Fault != nil {
		fault = l.Fault(records)
	}
	n := len(records)
	switch fault {
	case PublishBefore:
		n = 0
	case PublishPartly:
		n /= 2
	case PublishWell, PublishAfter:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records[:n] {
		l.append(&records[i])
	}
	l.wake()
	if fault != PublishWell {
		return ErrPublish
	}
	return nil
}

// append stores a copy: the caller's buffers may be used again.
func (l *Log) append(from *bulk.Record) {
	r := copyOf(from)
	parts := l.topics[r.Topic]
	if r.Partition == bulk.AnyPartition {
		r.Partition = kafka.PartitionFor(r.Key, len(parts))
	}
	p := parts[r.Partition]
	r.Offset = p.end()
	r.Time = time.Now()
	p.records = append(p.records, r)
	l.history = append(l.history, r)
}

// copyOf copies a record with its bytes.
func copyOf(from *bulk.Record) bulk.Record {
	r := *from
	r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	r.Headers = slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Value = slices.Clone(r.Headers[i].Value)
	}
	return r
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Partitions returns the partition count of a topic.
func (l *Log) Partitions(topic string) int32 {
	return int32(len(l.topics[topic]))
}

// Records returns what a topic holds now, partition after partition.
func (l *Log) Records(topic string) []bulk.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []bulk.Record
	for _, p := range l.topics[topic] {
		all = append(all, p.records...)
	}
	return all
}

// History returns everything that was ever appended to a topic, in the order of
// its coming, whatever was cut off, pruned or left behind since.
func (l *Log) History(topic string) []bulk.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []bulk.Record
	for i := range l.history {
		if l.history[i].Topic == topic {
			all = append(all, l.history[i])
		}
	}
	return all
}

// Bounds returns the first offset of a partition and the one after its last.
func (l *Log) Bounds(topic string, partition int32) (first, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.topics[topic][partition]
	return p.first, p.end()
}

// CutTail loses the last n records of a partition, as a broker does that told of
// writes which a power cut then took.
func (l *Log) CutTail(topic string, partition int32, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.topics[topic][partition]
	p.records = p.records[:max(0, len(p.records)-n)]
	l.wake()
}

// Prune loses the first n records of a partition, as retention does.
func (l *Log) Prune(topic string, partition int32, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.topics[topic][partition]
	n = min(n, len(p.records))
	p.first += int64(n)
	p.records = p.records[n:]
	l.wake()
}

// Move makes the log that of another cluster: all topics are empty again.
func (l *Log) Move(cluster string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cluster = cluster
	for _, parts := range l.topics {
		for i := range parts {
			parts[i] = &logPartition{}
		}
	}
	l.wake()
}

// Cluster returns the cluster's id.
func (l *Log) Cluster() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cluster
}

// Tamper lets fn change the stored records of a partition where they lie.
func (l *Log) Tamper(topic string, partition int32, fn func(r *bulk.Record)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.topics[topic][partition]
	for i := range p.records {
		fn(&p.records[i])
	}
}
