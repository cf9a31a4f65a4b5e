package event

import (
	"encoding/binary"

	"sluice/internal/bulk"
)

// A journal row holds the records of one batch, one after the other:
//
//	topic     code byte; 0: the name follows as length and bytes
//	key       length + 1 and bytes; 0 is nil
//	headers   count, then for each: code byte of the name (0: the name follows
//	          as length and bytes), value as length + 1 and bytes
//	value     length + 1 and bytes; 0 is nil
//
// Lengths and counts are unsigned varints. The codes are the places in the two
// lists below, from 1; they are stored, so names are only ever added at the end.
var (
	journalTopics = [...]string{
		bulk.TopicUpdates, bulk.TopicResults, bulk.TopicChanges, bulk.TopicResponses, bulk.TopicDeadLetters,
	}
	journalHeaders = [...]string{
		headerUpload, headerRow, headerPrev, headerLast, headerOrigin,
		headerReason, headerTopic, headerPartition, headerOffset, headerCutFrom,
		headerSpecVersion, headerID, headerSource, headerType, headerTime, headerSubject, headerContentType,
	}
)

// AppendJournal appends a record to the rows of a batch's journal. Partition,
// offset and time are not kept.
func AppendJournal(dst []byte, rec *bulk.Record) []byte {
	dst = appendName(dst, rec.Topic, journalTopics[:])
	dst = appendNilable(dst, rec.Key)
	dst = binary.AppendUvarint(dst, uint64(len(rec.Headers)))
	for i := range rec.Headers {
		h := &rec.Headers[i]
		dst = appendName(dst, h.Key, journalHeaders[:])
		dst = appendNilable(dst, h.Value)
	}
	return appendNilable(dst, rec.Value)
}

func appendName(dst []byte, name string, known []string) []byte {
	for i := range known {
		if known[i] == name {
			return append(dst, byte(i+1))
		}
	}
	dst = binary.AppendUvarint(append(dst, 0), uint64(len(name)))
	return append(dst, name...)
}

func appendNilable(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b))+1)
	return append(dst, b...)
}

// EachJournal calls fn with each record of a compressed journal row, in the
// order in which they were appended and byte for byte as they were; Partition
// is bulk.AnyPartition. The record is valid until fn returns; its key, value and
// headers share memory of their own and may be kept.
// An unreadable row gives a *DecodeError; an error of fn is returned as it is.
func EachJournal(body []byte, fn func(*bulk.Record) error) error {
	plain, err := Decompress(nil, body)
	if err != nil {
		return err
	}
	r := journalReader{b: plain}
	var rec bulk.Record
	for r.pos < len(r.b) {
		rec = bulk.Record{Partition: bulk.AnyPartition}
		rec.Topic = r.name(journalTopics[:])
		rec.Key = r.nilable()
		rec.Headers = r.headerList()
		rec.Value = r.nilable()
		if r.err != nil {
			return r.err
		}
		if err := fn(&rec); err != nil {
			return err
		}
	}
	return nil
}

// journalReader reads like decoder: the first failure sticks.
type journalReader struct {
	b       []byte
	pos     int
	err     *DecodeError
	headers []bulk.Header
}

func (r *journalReader) fail(reason Reason) {
	if r.err == nil {
		r.err = &DecodeError{Reason: reason, Offset: r.pos}
	}
	r.b = r.b[:r.pos]
}

func (r *journalReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b[r.pos:])
	if size <= 0 {
		r.fail(ReasonTruncated)
		return 0
	}
	r.pos += size
	return n
}

func (r *journalReader) take(n uint64) []byte {
	if n > uint64(len(r.b)-r.pos) {
		r.fail(ReasonBadLength)
		return nil
	}
	end := r.pos + int(n)
	b := r.b[r.pos:end:end]
	r.pos = end
	return b
}

func (r *journalReader) nilable() []byte {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	return r.take(n - 1)
}

func (r *journalReader) name(known []string) string {
	code := r.uvarint()
	switch {
	case code == 0:
		return string(r.take(r.uvarint()))
	case code > uint64(len(known)):
		r.fail(ReasonBadSymbol)
		return ""
	}
	return known[code-1]
}

// headerChunk is how many headers are allocated at a time.
const headerChunk = 512

func (r *journalReader) headerList() []bulk.Header {
	n := r.uvarint()
	if n > uint64(len(r.b)-r.pos)/2 { // a header has at least two bytes
		r.fail(ReasonBadLength)
		return nil
	}
	count := int(n)
	if cap(r.headers)-len(r.headers) < count {
		r.headers = make([]bulk.Header, 0, max(count, headerChunk))
	}
	start := len(r.headers)
	for range count {
		h := bulk.Header{Key: r.name(journalHeaders[:])}
		h.Value = r.nilable()
		r.headers = append(r.headers, h)
	}
	return r.headers[start:len(r.headers):len(r.headers)]
}
