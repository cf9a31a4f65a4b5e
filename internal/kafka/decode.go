package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

var (
	errMagic    = errors.New("unsupported record batch format")
	errLength   = errors.New("impossible record batch length")
	errChecksum = errors.New("checksum mismatch")
	errRecord   = errors.New("malformed record")
)

// maxBatchBytes bounds one record batch, as fetched.
const maxBatchBytes = 48 << 20

// batchSize returns the size of the record batch that data begins with, and the
// offset after it. The size may exceed what data holds; it is 0 if data holds too
// little to tell.
func batchSize(data []byte) (size int, next int64, err error) {
	if len(data) < atMagic+1 {
		return 0, 0, nil
	}
	if data[atMagic] != 2 {
		return 0, 0, errMagic
	}
	size = int(binary.BigEndian.Uint32(data[atBatchLength:])) + atLeaderEpoch
	if size < batchHeaderBytes || size > maxBatchBytes {
		return 0, 0, errLength
	}
	if len(data) < batchHeaderBytes {
		return size, 0, nil
	}
	last := int64(int32(binary.BigEndian.Uint32(data[atLastOffsetDelta:])))
	if last < 0 {
		return 0, 0, errLength
	}
	return size, wireInt64(data[atBaseOffset:]) + last + 1, nil
}

// completeBatches returns how many bytes of data are whole record batches and the
// offset after them. If there is none, need is the size of the first one, or 0 if
// even that is unknown; err is about a header that makes no sense.
func completeBatches(data []byte) (n int, next int64, need int, err error) {
	for n < len(data) {
		size, after, err := batchSize(data[n:])
		switch {
		case err != nil && n > 0:
			return n, next, 0, nil
		case err != nil:
			return 0, 0, 0, err
		case size == 0 || size > len(data)-n:
			return n, next, size, nil
		}
		n += size
		next = after
	}
	return n, next, 0, nil
}

// batchDecoder turns record batches into records. What it returns is valid until
// reset.
type batchDecoder struct {
	codecs  *codecs
	topic   string
	part    int32
	records []Record
	headers []Header
	plain   []byte
	names   map[string]string // header keys seen, so that each is allocated once
}

func (d *batchDecoder) reset() {
	d.records, d.headers, d.plain = d.records[:0], d.headers[:0], d.plain[:0]
}

// decode appends the records of one whole batch whose offset is at least from.
// After an error nothing of the batch was appended.
func (d *batchDecoder) decode(b []byte, from int64) error {
	if len(b) < batchHeaderBytes {
		return io.ErrUnexpectedEOF
	}
	if checksum(b[atAttributes:]) != binary.BigEndian.Uint32(b[atCRC:]) {
		return errChecksum
	}
	attributes := binary.BigEndian.Uint16(b[atAttributes:])
	if attributes&attributeControl != 0 {
		return nil // a transaction marker, not data
	}
	body := b[batchHeaderBytes:]
	if codec := attributes & attributeCodecMask; codec != attributeNone {
		start := len(d.plain)
		plain, err := d.codecs.decompress(codec, d.plain, body)
		if err != nil {
			return err
		}
		d.plain, body = plain, plain[start:]
	}
	h := batchTimes{
		baseOffset: wireInt64(b[atBaseOffset:]),
		baseTime:   wireInt64(b[atBaseTimestamp:]),
		appendTime: wireInt64(b[atMaxTimestamp:]),
		isAppended: attributes&attributeLogAppendTime != 0,
	}
	count := binary.BigEndian.Uint32(b[atRecordCount:])
	nrec, nhead := len(d.records), len(d.headers)
	for range count {
		var err error
		if body, err = d.record(body, &h, from); err != nil {
			d.records, d.headers = d.records[:nrec], d.headers[:nhead]
			return err
		}
	}
	return nil
}

// batchTimes is what a record's offset and time are relative to.
type batchTimes struct {
	baseOffset, baseTime, appendTime int64
	isAppended                       bool // the broker set the time of the whole batch
}

// record reads one record from body and returns what follows it.
func (d *batchDecoder) record(body []byte, h *batchTimes, from int64) ([]byte, error) {
	r := fields{b: body}
	x := r.take(r.varint())
	f := fields{b: x, isShort: r.isShort}
	f.take(1)
	timeDelta, offsetDelta := f.varint(), f.varint()
	key, value := f.nullable(), f.nullable()
	count := f.varint()
	if f.isShort || count < 0 || count > int64(len(f.b)) {
		return nil, errRecord
	}
	start := len(d.headers)
	for range count {
		name := f.take(f.varint())
		d.headers = append(d.headers, Header{Key: d.name(name), Value: f.nullable()})
	}
	if f.isShort {
		return nil, errRecord
	}
	offset := h.baseOffset + offsetDelta
	if offset < from {
		d.headers = d.headers[:start]
		return r.b, nil
	}
	rec := Record{Topic: d.topic, Partition: d.part, Offset: offset, Key: key, Value: value, Time: time.UnixMilli(h.baseTime + timeDelta)}
	if h.isAppended {
		rec.Time = time.UnixMilli(h.appendTime)
	}
	if count > 0 {
		rec.Headers = d.headers[start:len(d.headers):len(d.headers)]
	}
	d.records = append(d.records, rec)
	return r.b, nil
}

// name returns a header's key as a string.
func (d *batchDecoder) name(b []byte) string {
	const maxNames = 64
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if d.names == nil {
		d.names = make(map[string]string)
	}
	if len(d.names) < maxNames {
		d.names[s] = s
	}
	return s
}

// fields reads the fields of a record; once it ran short it yields nothing.
type fields struct {
	b       []byte
	isShort bool
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		f.isShort = true
		return 0
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) take(n int64) []byte {
	if n < 0 || n > int64(len(f.b)) || f.isShort {
		f.isShort = true
		return nil
	}
	x := f.b[:n:n]
	f.b = f.b[n:]
	return x
}

func (f *fields) nullable() []byte {
	n := f.varint()
	if n == -1 {
		return nil
	}
	return f.take(n)
}

func wireInt64(b []byte) int64 {
	return int64(binary.BigEndian.Uint64(b))
}

// corruptAt describes why the batch at the start of data, expected at offset,
// cannot be read.
func corruptAt(topic string, partition int32, offset int64, data []byte, err error) *CorruptError {
	next := offset + 1
	if _, after, headErr := batchSize(data); headErr == nil && after > offset {
		next = after
	}
	return &CorruptError{Topic: topic, Partition: partition, Offset: offset, Next: next, Err: fmt.Errorf("decoding batch: %w", err)}
}
