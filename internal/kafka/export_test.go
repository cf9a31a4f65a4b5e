package kafka

import (
	"bytes"
	"fmt"
)

// What the tests in package kafka_test need of the encoding.

// NextSequence is nextSequence.
func NextSequence(sequence, count int32) int32 { return nextSequence(sequence, count) }

// EncodeBatch encodes records as one batch, without the size prefix of a request.
func EncodeBatch(codec Codec, producer int64, epoch int16, sequence int32, recs []Record) ([]byte, error) {
	attribute, err := codec.attribute()
	if err != nil {
		return nil, err
	}
	c, err := newCodecs()
	if err != nil {
		return nil, err
	}
	var b batch
	b.reset("t", 0, nil)
	for i := range recs {
		b.add(&recs[i], recs[i].Time.UnixMilli())
	}
	if _, err := b.pack(c, attribute, nil); err != nil {
		return nil, err
	}
	b.stamp(identity{id: producer, epoch: epoch}, sequence)
	return b.packed[sizePrefixBytes:], nil
}

// ReadFetchResponse reads a fetch response that answers for partition 0 of topic "t".
func ReadFetchResponse(version int16, id int32, frame []byte) (code int16, data []byte, err error) {
	fd := &feed{topicPartition: topicPartition{topic: "t"}}
	e := &fetchExchange{parts: []fetchPart{{feed: fd}}, buffers: new(bufferPool), id: id, version: version}
	if err := e.readResponse(bytes.NewReader(frame)); err != nil {
		return 0, nil, err
	}
	if !e.parts[0].isAnswered {
		return 0, nil, fmt.Errorf("not answered")
	}
	return e.parts[0].code, e.parts[0].data, nil
}

// Encoder encodes the same records over and over, for benchmarks.
type Encoder struct {
	b         batch
	c         *codecs
	attribute uint16
	plain     []byte
	packed    []byte
}

// NewEncoder returns an Encoder for codec.
func NewEncoder(codec Codec) (*Encoder, error) {
	attribute, err := codec.attribute()
	if err != nil {
		return nil, err
	}
	c, err := newCodecs()
	return &Encoder{c: c, attribute: attribute}, err
}

// Encode returns the size of the batch made of recs.
func (e *Encoder) Encode(recs []Record) (int, error) {
	e.b.reset("t", 0, e.plain)
	for i := range recs {
		e.b.add(&recs[i], 1_700_000_000_000)
	}
	e.plain = e.b.plain
	isUsed, err := e.b.pack(e.c, e.attribute, e.packed)
	if isUsed {
		e.packed = e.b.packed
	}
	e.b.stamp(identity{id: 1}, 0)
	return len(e.b.packed), err
}

// Decoder decodes batches; what it returns is valid until its next call.
type Decoder struct{ d batchDecoder }

// NewDecoder returns a Decoder.
func NewDecoder() (*Decoder, error) {
	c, err := newCodecs()
	return &Decoder{batchDecoder{codecs: c, topic: "t"}}, err
}

// Decode returns the number of records in one batch.
func (d *Decoder) Decode(b []byte) (int, error) {
	d.d.reset()
	err := d.d.decode(b, 0)
	return len(d.d.records), err
}

// DecodeAll decodes a record set as Fetch does, and returns the records and the
// offset after them.
func (d *Decoder) DecodeAll(data []byte, from int64) ([]Record, int64, error) {
	d.d.reset()
	n, next, _, err := completeBatches(data)
	if err != nil {
		return nil, 0, err
	}
	for rest := data[:n]; len(rest) > 0; {
		size, _, err := batchSize(rest)
		if err != nil {
			return nil, 0, err
		}
		if err := d.d.decode(rest[:size], from); err != nil {
			return nil, 0, err
		}
		rest = rest[size:]
	}
	return d.d.records, next, nil
}
