package event

import (
	"strconv"
	"time"

	"sluice/internal/bulk"
)

// Builder makes the records of a batch. The records share a few buffers, which
// the next batch uses again: they are valid until Reset and must not be changed.
// Not safe for concurrent use.
type Builder struct {
	codec   *Codec
	bytes   []byte // grows by reallocation; finished records keep the old memory
	headers []bulk.Header
	records []bulk.Record
	scratch []byte
	cuts    []int
}

// NewBuilder makes an empty builder.
func (c *Codec) NewBuilder() *Builder { return &Builder{codec: c} }

// maxKeptBytes keeps a rare batch of huge rows from holding its memory for good.
const maxKeptBytes = 4 << 20

// Reset forgets all records and keeps the memory for the next ones, unless it is
// far more than an ordinary batch takes.
func (b *Builder) Reset() {
	if cap(b.bytes) > maxKeptBytes {
		b.bytes = nil
	}
	if cap(b.scratch) > maxKeptBytes {
		b.scratch = nil
	}
	clear(b.headers)
	clear(b.records)
	b.bytes, b.headers, b.records = b.bytes[:0], b.headers[:0], b.records[:0]
}

// Records are the records made since Reset, in that order.
func (b *Builder) Records() []bulk.Record { return b.records }

// Bytes is the size of keys, values and headers made since Reset.
func (b *Builder) Bytes() int { return len(b.bytes) }

// Add takes a record that was made elsewhere among those of the batch.
func (b *Builder) Add(rec bulk.Record) { b.records = append(b.records, rec) }

// DropLast forgets the record made last.
func (b *Builder) DropLast() {
	last := len(b.records) - 1
	b.records[last] = bulk.Record{}
	b.records = b.records[:last]
}

// Row makes the record of a row event for a partition.
func (b *Builder) Row(r *bulk.Row, partition int32) {
	key := b.part(AppendRowKey(b.bytes, r))
	headers := len(b.headers)
	b.header(headerUpload, b.text(r.Upload))
	b.header(headerRow, b.number(r.Number))
	b.header(headerPrev, b.number(r.Prev))
	value := b.part(b.codec.AppendRow(b.bytes, r))
	b.record(bulk.TopicUpdates, partition, key, value, headers)
}

// Change makes the record of a change event.
func (b *Builder) Change(c *bulk.Change) {
	key := b.part(appendKey(b.bytes, c.Company, c.CustomerID))
	values := &b.codec.values
	headers := len(b.headers)
	b.header(headerSpecVersion, values.specVersion)
	start := len(b.bytes)
	b.bytes = append(append(b.bytes, c.Upload...), '/')
	b.bytes = strconv.AppendInt(b.bytes, c.Row, 10)
	id := b.since(start)
	b.header(headerID, id)
	b.header(headerSource, b.part(appendSource(b.bytes, c.Company, "/customers")))
	b.header(headerType, values.changed(c.Operation))
	b.header(headerTime, b.millis(c.ChangedAt))
	b.header(headerSubject, key[len(c.Company)+1:])
	b.header(headerContentType, values.contentType)
	b.header(headerUpload, id[:len(c.Upload):len(c.Upload)])
	b.header(headerRow, id[len(c.Upload)+1:])
	value := b.part(b.codec.AppendChange(b.bytes, c))
	b.record(bulk.TopicChanges, bulk.AnyPartition, key, value, headers)
}

// Response makes the record of a response event.
func (b *Builder) Response(r *bulk.Response) {
	key := b.text(r.Upload)
	values := &b.codec.values
	headers := len(b.headers)
	b.header(headerSpecVersion, values.specVersion)
	b.header(headerID, key)
	b.header(headerSource, b.part(appendSource(b.bytes, r.Company, "/uploads")))
	b.header(headerType, values.finished)
	b.header(headerTime, b.millis(r.FinishedAt))
	b.header(headerSubject, key)
	b.header(headerContentType, values.contentType)
	b.header(headerUpload, key)
	value := b.part(b.codec.AppendResponse(b.bytes, r))
	b.record(bulk.TopicResponses, bulk.AnyPartition, key, value, headers)
}

// Results makes the records of a batch of results, cut so that no value exceeds
// maxBytes (0: MaxValueBytes) unless a single result does. The ranges (Prev, Last] of the records
// follow each other without a gap; the end of the split stands in the last one.
// The same batch is always cut the same way.
func (b *Builder) Results(batch *bulk.ResultBatch, maxBytes int) {
	if maxBytes <= 0 {
		maxBytes = MaxValueBytes
	}
	b.scratch, b.cuts = b.scratch[:0], b.cuts[:0]
	for i := range batch.Results {
		b.scratch = appendResult(b.scratch, &batch.Results[i])
		b.cuts = append(b.cuts, len(b.scratch))
	}
	head := len(b.codec.appendResultsHead(nil, batch, batch.Prev, batch.Last))
	tail := len(appendResultsTail(nil, batch))
	room := maxBytes - head - tail - 10 - 20 // 10 for the count, 20 for other numbers in the range
	last := &bulk.ResultBatch{Ends: batch.Ends, Rows: batch.Rows}
	prev, from, fromBytes := batch.Prev, 0, 0
	for i := 1; i < len(b.cuts); i++ {
		if b.cuts[i]-fromBytes <= room {
			continue
		}
		end := batch.Results[i-1].Row
		b.results(batch, resultRange{prev, end, i - from, b.scratch[fromBytes:b.cuts[i-1]]}, &bulk.ResultBatch{})
		prev, from, fromBytes = end, i, b.cuts[i-1]
	}
	b.results(batch, resultRange{prev, batch.Last, len(b.cuts) - from, b.scratch[fromBytes:]}, last)
}

// resultRange is the part of a batch that goes into one record.
type resultRange struct {
	prev, last int64
	count      int
	encoded    []byte
}

func (b *Builder) results(batch *bulk.ResultBatch, r resultRange, tail *bulk.ResultBatch) {
	key := b.text(batch.Upload)
	headers := len(b.headers)
	b.header(headerUpload, key)
	b.header(headerOrigin, b.number(int64(batch.Source)))
	b.header(headerPrev, b.number(r.prev))
	b.header(headerLast, b.number(r.last))
	start := len(b.bytes)
	b.bytes = b.codec.appendResultsHead(b.bytes, batch, r.prev, r.last)
	if r.count > 0 {
		b.bytes = appendLong(b.bytes, int64(r.count))
		b.bytes = append(b.bytes, r.encoded...)
	}
	b.bytes = appendResultsTail(b.bytes, tail)
	b.record(bulk.TopicResults, bulk.AnyPartition, key, b.since(start), headers)
}

// record ends a record whose headers began at the given index.
func (b *Builder) record(topic string, partition int32, key, value []byte, headers int) {
	b.records = append(b.records, bulk.Record{
		Topic: topic, Partition: partition, Key: key, Value: value,
		Headers: b.headers[headers:len(b.headers):len(b.headers)],
	})
}

func (b *Builder) header(key string, value []byte) {
	b.headers = append(b.headers, bulk.Header{Key: key, Value: value})
}

// part takes over the grown buffer and returns what was appended to it.
func (b *Builder) part(grown []byte) []byte {
	start := len(b.bytes)
	b.bytes = grown
	return b.since(start)
}

func (b *Builder) since(start int) []byte { return b.bytes[start:len(b.bytes):len(b.bytes)] }

func (b *Builder) text(s string) []byte { return b.part(append(b.bytes, s...)) }

func (b *Builder) number(n int64) []byte { return b.part(strconv.AppendInt(b.bytes, n, 10)) }

func (b *Builder) millis(ms int64) []byte {
	return b.part(time.UnixMilli(ms).UTC().AppendFormat(b.bytes, millisLayout))
}
