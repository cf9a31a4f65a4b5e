package kafka

import (
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

var (
	// ErrLost means that this process no longer owns the partition.
	ErrLost = errors.New("partition ownership lost")
	// ErrOffsetOutOfRange means that the log does not hold the offset asked for;
	// errors.As finds an *OffsetOutOfRangeError with the bounds.
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrCorrupt means that a record batch cannot be read; errors.As finds a
	// *CorruptError with its offset.
	ErrCorrupt = errors.New("corrupt record batch")
	// ErrTooLarge means that a record or batch exceeds what the broker accepts.
	ErrTooLarge = errors.New("record too large")
	// ErrUnknownTopic means that the topic or partition does not exist.
	ErrUnknownTopic = errors.New("unknown topic or partition")
	// ErrClosed means that the Client was closed.
	ErrClosed = errors.New("kafka client is closed")
)

// OffsetOutOfRangeError says which offsets the partition holds: LogStart is the
// first, End the one after the last.
type OffsetOutOfRangeError struct {
	Topic     string
	Partition int32
	Offset    int64
	LogStart  int64
	End       int64
}

func (e *OffsetOutOfRangeError) Error() string {
	return fmt.Sprintf("%s/%d: offset %d out of range [%d, %d)", e.Topic, e.Partition, e.Offset, e.LogStart, e.End)
}

// Is reports whether target is ErrOffsetOutOfRange.
func (e *OffsetOutOfRangeError) Is(target error) bool { return target == ErrOffsetOutOfRange }

// CorruptError names the record batch at Offset that cannot be read. Next is the
// offset after it, as far as its header tells, where a reader that gives the batch
// up can go on with SeekTo.
type CorruptError struct {
	Topic     string
	Partition int32
	Offset    int64
	Next      int64
	Err       error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s/%d: corrupt record batch at offset %d: %v", e.Topic, e.Partition, e.Offset, e.Err)
}

// Is reports whether target is ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

func (e *CorruptError) Unwrap() error { return e.Err }

// Error is an error code of the Kafka protocol, answered by a broker.
type Error struct {
	Op        string // what was asked: "produce", "fetch", ...
	Topic     string // empty if the code is about the whole request
	Partition int32
	Code      int16
	Detail    string // the broker's own words, often empty
}

func (e *Error) Error() string {
	s := e.Op
	if e.Topic != "" {
		s = fmt.Sprintf("%s %s/%d", e.Op, e.Topic, e.Partition)
	}
	s += fmt.Sprintf(": [%d] %s", e.Code, kafkago.Error(e.Code).Title())
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

// Is maps the codes that callers act on to this package's sentinel errors.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrTooLarge:
		return e.Code == codeMessageTooLarge || e.Code == codeRecordListTooLarge
	case ErrUnknownTopic:
		return e.Code == codeUnknownTopic
	case ErrOffsetOutOfRange:
		return e.Code == codeOffsetOutOfRange
	}
	return false
}
