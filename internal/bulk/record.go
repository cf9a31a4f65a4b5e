package bulk

import (
	"context"
	"errors"
	"time"
)

// The topics of the log.
const (
	TopicUpdates     = "customer.updates"
	TopicResults     = "bulk.results"
	TopicChanges     = "customer.changes"
	TopicResponses   = "bulk.responses"
	TopicDeadLetters = "bulk.deadletters"
)

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one message of the log.
type Record struct {
	Topic     string
	Partition int32 // AnyPartition: chosen by the key
	Offset    int64
	Time      time.Time
	Key       []byte
	Value     []byte // nil is a tombstone
	Headers   []Header
}

// AnyPartition leaves the partition of a record to its key.
const AnyPartition int32 = -1

// HeaderValue returns the value of the named header, nil when absent.
func (r *Record) HeaderValue(key string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value
		}
	}
	return nil
}

// Publisher appends records to the log. Publish returns nil only when every
// record is durable: acknowledged by all in-sync replicas and, on the embedded
// broker, synced to disk. After an error some may have been appended: publishing
// the same records again is harmless to every consumer of ours. Safe for
// concurrent use; the order of records with the same partition is kept.
type Publisher interface {
	Publish(ctx context.Context, records []Record) error
}

// Partition is one owned partition of a topic, read in offset order. Its context
// ends when ownership does. Not safe for concurrent use.
type Partition interface {
	// Source names what is read; progress is stored under it.
	Source() Source
	// Bounds returns the first offset the log still holds and the end of the log.
	Bounds(ctx context.Context) (first, end int64, err error)
	// SeekTo sets where the next Fetch begins.
	SeekTo(offset int64)
	// Fetch blocks until there is at least one record or the context ends.
	// Records are valid until the next Fetch. Next is the offset after them.
	// ErrOffsetOutOfRange: the log no longer, or not yet, holds the offset.
	Fetch(ctx context.Context) (records []Record, next int64, err error)
	// Lag returns how many records lay between the last Fetch and the log's end.
	Lag() int64
	// Durable returns when every record fetched so far survives a power cut, so
	// that progress past it may be stored.
	Durable(ctx context.Context) error
	// Commit tells the broker where the owner stands: a hint for lag tools only.
	Commit(ctx context.Context, next int64) error
}

// ErrOffsetOutOfRange says that the log does not hold the offset asked for.
var ErrOffsetOutOfRange = errors.New("offset is outside the log")

// Source is one partition of one topic of one cluster, as progress knows it.
type Source struct {
	Cluster   string
	Topic     string
	Partition int32
}
