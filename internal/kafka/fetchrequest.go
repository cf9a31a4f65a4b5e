package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

const (
	// maxResponseBytes bounds one fetch response; a broker exceeds what it is asked
	// for only by one batch.
	maxResponseBytes = 64 << 20
	// maxFetchBytes is what a fetch request asks for over all its partitions.
	maxFetchBytes = 16 << 20
)

var errFrame = errors.New("malformed fetch response")

// fetchPart asks for records of one partition, and holds the answer.
type fetchPart struct {
	feed     *feed
	offset   int64
	maxBytes int32
	seeks    int // of the feed when it was asked

	isAnswered bool
	code       int16
	highWater  int64
	logStart   int64
	data       []byte // record batches, the last one perhaps cut off; from the buffer pool
}

// fetchExchange is one fetch request. It reads each partition's batches straight
// from the connection into a buffer of their own.
type fetchExchange struct {
	parts    []fetchPart // all led by one broker
	maxWait  time.Duration
	buffers  *bufferPool
	clientID string
	id       int32
	version  int16
}

func (e *fetchExchange) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive // the name is of the client's interface

func (e *fetchExchange) Required(versions map[protocol.ApiKey]int16) bool {
	e.version = versions[protocol.Fetch]
	return true
}

// fetchAnswer owns the parts: after a call that was given up nobody else may touch them.
type fetchAnswer struct{ parts []fetchPart }

func (*fetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive // the name is of the client's interface

func (e *fetchExchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if e.version < 4 || e.version > 11 {
		return nil, fmt.Errorf("fetch: unsupported version %d", e.version)
	}
	if err := protocol.WriteRequest(rw, e.version, e.id, e.clientID, e.request()); err != nil {
		return nil, err
	}
	if err := e.readResponse(rw); err != nil {
		return nil, err
	}
	return &fetchAnswer{e.parts}, nil
}

func (e *fetchExchange) request() *fetch.Request {
	req := &fetch.Request{
		ReplicaID:    -1,
		MaxWaitTime:  millis(e.maxWait),
		MinBytes:     1,
		MaxBytes:     maxFetchBytes,
		SessionEpoch: -1,
	}
	index := make(map[string]int)
	for i := range e.parts {
		p := &e.parts[i]
		t, ok := index[p.feed.topic]
		if !ok {
			t = len(req.Topics)
			index[p.feed.topic] = t
			req.Topics = append(req.Topics, fetch.RequestTopic{Topic: p.feed.topic})
		}
		req.Topics[t].Partitions = append(req.Topics[t].Partitions, fetch.RequestPartition{
			Partition:          p.feed.partition,
			CurrentLeaderEpoch: -1,
			FetchOffset:        p.offset,
			LogStartOffset:     -1,
			PartitionMaxBytes:  p.maxBytes,
		})
	}
	return req
}

// readResponse reads a response frame of version 4 to 11.
func (e *fetchExchange) readResponse(rd io.Reader) error {
	f := frame{r: rd, left: 4}
	size := f.int32()
	if f.err == nil && (size < 8 || size > maxResponseBytes) {
		return fmt.Errorf("fetch response of %d bytes: %w", size, errFrame)
	}
	f.left = int(size)
	if id := f.int32(); f.err == nil && id != e.id {
		return fmt.Errorf("fetch: answer %d to request %d", id, e.id)
	}
	f.int32() // throttle time
	if e.version >= 7 {
		if code := f.int16(); f.err == nil && code != 0 {
			return errors.Join(&Error{Op: "fetch", Code: code}, f.discard(f.left))
		}
		f.int32() // session id
	}
	for range f.count() {
		topic := f.take(int(f.int16()))
		for range f.count() {
			e.readPartition(&f, topic)
		}
		if f.err != nil {
			break
		}
	}
	if f.err == nil && f.left != 0 {
		return fmt.Errorf("%d bytes too many: %w", f.left, errFrame)
	}
	return f.err
}

func (e *fetchExchange) readPartition(f *frame, topic []byte) {
	if f.err != nil {
		return
	}
	answered := fetchPart{isAnswered: true}
	partition := f.int32()
	answered.code = f.int16()
	answered.highWater = f.int64()
	f.int64() // last stable offset: no transactions here
	answered.logStart = -1
	if e.version >= 5 {
		answered.logStart = f.int64()
	}
	if aborted := f.count(); aborted > 0 {
		f.fail(f.discard(aborted * 16))
	}
	if e.version >= 11 {
		f.int32() // preferred read replica
	}
	size := int(f.int32())
	if size < 0 {
		size = 0 // null
	}
	if f.err != nil || size > f.left {
		f.fail(errFrame)
		return
	}
	part := e.find(topic, partition)
	if part == nil {
		f.fail(f.discard(size))
		return
	}
	if size > 0 {
		answered.data = e.buffers.get(size)[:size]
		f.read(answered.data)
	}
	answered.feed, answered.offset, answered.seeks, answered.maxBytes = part.feed, part.offset, part.seeks, part.maxBytes
	*part = answered
}

func (e *fetchExchange) find(topic []byte, partition int32) *fetchPart {
	for i := range e.parts {
		p := &e.parts[i]
		if p.feed.partition == partition && p.feed.topic == string(topic) && !p.isAnswered {
			return p
		}
	}
	return nil
}

// frame reads the fields of a response of bounded size. After an error it reads
// nothing and yields zeros.
type frame struct {
	r    io.Reader
	left int
	err  error
	buf  [256]byte
}

func (f *frame) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *frame) read(b []byte) {
	if f.err != nil {
		return
	}
	if len(b) > f.left {
		f.err = errFrame
		return
	}
	n, err := io.ReadFull(f.r, b)
	f.left -= n
	if err != nil {
		f.err = fmt.Errorf("reading fetch response: %w", err)
	}
}

// take reads a few bytes, valid until the next call.
func (f *frame) take(n int) []byte {
	if n < 0 || n > len(f.buf) {
		f.fail(errFrame)
	}
	if f.err != nil {
		return nil
	}
	f.read(f.buf[:n])
	return f.buf[:n]
}

func (f *frame) discard(n int) error {
	if n < 0 || n > f.left {
		return errFrame
	}
	_, err := io.CopyN(io.Discard, f.r, int64(n))
	f.left -= n
	return err
}

func (f *frame) int16() int16 {
	var b [2]byte
	f.read(b[:])
	return int16(binary.BigEndian.Uint16(b[:]))
}

func (f *frame) int32() int32 {
	var b [4]byte
	f.read(b[:])
	return int32(binary.BigEndian.Uint32(b[:]))
}

func (f *frame) int64() int64 {
	var b [8]byte
	f.read(b[:])
	return wireInt64(b[:])
}

// count reads the length of an array: 0 for a null one or after an error.
func (f *frame) count() int {
	n := f.int32()
	if f.err != nil || n < 0 {
		return 0
	}
	if int(n) > f.left {
		f.fail(errFrame)
		return 0
	}
	return int(n)
}
