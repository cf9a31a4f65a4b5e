package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"
)

// Layout of a record batch, format 2: the offsets of its header fields. See
// "Record Batch" in the protocol guide of Apache Kafka.
const (
	atBaseOffset      = 0
	atBatchLength     = 8 // of everything after this field
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17 // CRC-32C of everything after this field
	atAttributes      = 21
	atLastOffsetDelta = 23
	atBaseTimestamp   = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atRecordCount     = 57
	batchHeaderBytes  = 61

	attributeCodecMask     = 7
	attributeLogAppendTime = 1 << 3
	attributeControl       = 1 << 5
)

// sizePrefixBytes is the length that precedes a record set in a produce request.
// It stays in front of the batch, so that a request is written without copying.
const sizePrefixBytes = 4

// identity is what a broker knows a producer by. The generation counts identities
// of one Producer.
type identity struct {
	generation int
	id         int64
	epoch      int16
}

// batch is one record batch on its way to a partition.
type batch struct {
	topic      string
	partition  int32
	plain      []byte // size prefix, header, records
	packed     []byte // the same, compressed; plain itself if the codec is none
	count      int32
	baseTime   int64
	maxTime    int64
	identity   identity
	sequence   int32
	state      batchState
	isInDoubt  bool // an attempt may have appended it although it was not acknowledged
	isShared   bool // an attempt that was given up may still read packed
	failure    error
	failedCode int16
}

// batchState is what the last attempt came to.
type batchState int8

const (
	batchPending batchState = iota // to be sent (again)
	batchAcked
	batchDone   // acknowledged, and its lane moved on
	batchFailed // by failure, for good
)

var emptyBatchHead [sizePrefixBytes + batchHeaderBytes]byte

// reset makes b an empty batch that writes into buf.
func (b *batch) reset(topic string, partition int32, buf []byte) {
	*b = batch{topic: topic, partition: partition, plain: append(buf[:0], emptyBatchHead[:]...)}
}

// recordBytes returns the size of a record, at most, in a batch.
func recordBytes(r *Record) int {
	n := len(r.Key) + len(r.Value) + 32
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 2*binary.MaxVarintLen32
	}
	return n
}

// add appends a record with a time in milliseconds since 1970.
func (b *batch) add(r *Record, millis int64) {
	if b.count == 0 {
		b.baseTime, b.maxTime = millis, millis
	}
	b.maxTime = max(b.maxTime, millis)
	timeDelta, offsetDelta := millis-b.baseTime, int64(b.count)
	size := 1 + varintLen(timeDelta) + varintLen(offsetDelta) + nullableLen(r.Key) + nullableLen(r.Value) + varintLen(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		size += varintLen(int64(len(h.Key))) + len(h.Key) + nullableLen(h.Value)
	}
	x := binary.AppendVarint(b.plain, int64(size))
	x = append(x, 0) // attributes, unused
	x = binary.AppendVarint(x, timeDelta)
	x = binary.AppendVarint(x, offsetDelta)
	x = appendNullable(x, r.Key)
	x = appendNullable(x, r.Value)
	x = binary.AppendVarint(x, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		x = binary.AppendVarint(x, int64(len(h.Key)))
		x = append(x, h.Key...)
		x = appendNullable(x, h.Value)
	}
	b.plain = x
	b.count++
}

// pack compresses the records into buf and fills in the header but for the
// producer's identity. It returns whether buf was used.
func (b *batch) pack(c *codecs, attribute uint16, buf []byte) (bool, error) {
	const head = sizePrefixBytes + batchHeaderBytes
	b.packed = b.plain
	if attribute != attributeNone {
		packed, err := c.compress(attribute, append(buf[:0], emptyBatchHead[:]...), b.plain[head:])
		if err != nil {
			return false, err
		}
		// Incompressible records travel as they are.
		if len(packed) < len(b.plain) {
			b.packed = packed
		} else {
			attribute = attributeNone
		}
	}
	x := b.packed
	putUint32(x, len(x)-sizePrefixBytes)
	h := x[sizePrefixBytes:]
	putUint32(h[atBatchLength:], len(h)-atLeaderEpoch)
	binary.BigEndian.PutUint32(h[atLeaderEpoch:], math.MaxUint32) // -1: the broker knows
	h[atMagic] = 2
	binary.BigEndian.PutUint16(h[atAttributes:], attribute)
	putUint32(h[atLastOffsetDelta:], int(b.count-1))
	binary.BigEndian.PutUint64(h[atBaseTimestamp:], uint64(b.baseTime))
	binary.BigEndian.PutUint64(h[atMaxTimestamp:], uint64(b.maxTime))
	putUint32(h[atRecordCount:], int(b.count))
	return attribute != attributeNone, nil
}

// stamp writes identity and sequence into the packed batch and seals it with its
// checksum.
func (b *batch) stamp(id identity, sequence int32) {
	if b.isShared { // an abandoned request may be reading the old bytes
		b.packed = append([]byte(nil), b.packed...)
	}
	b.identity, b.sequence = id, sequence
	h := b.packed[sizePrefixBytes:]
	binary.BigEndian.PutUint64(h[atProducerID:], uint64(id.id))
	binary.BigEndian.PutUint16(h[atProducerEpoch:], uint16(id.epoch))
	binary.BigEndian.PutUint32(h[atBaseSequence:], uint32(b.sequence))
	binary.BigEndian.PutUint32(h[atCRC:], checksum(h[atAttributes:]))
}

// nextSequence is the sequence after count records; it wraps to 0 after the largest.
func nextSequence(sequence, count int32) int32 {
	if sequence > math.MaxInt32-count {
		return count - (math.MaxInt32 - sequence) - 1
	}
	return sequence + count
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func putUint32(b []byte, n int) {
	binary.BigEndian.PutUint32(b, uint32(n))
}

func varintLen(v int64) int {
	zigzag := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(zigzag|1) + 6) / 7
}

func nullableLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}
