package event

import "sluice/internal/bulk"

// The functions below make one record at a time; a Builder makes many with
// fewer allocations, and the same bytes.

// RowRecord makes the record of a row event. The record's bytes are appended to
// buf, which may be nil.
func (c *Codec) RowRecord(buf []byte, r *bulk.Row, partition int32) bulk.Record {
	b := Builder{codec: c, bytes: buf}
	b.Row(r, partition)
	return b.records[0]
}

// ResultRecords makes the records of a batch of results; see Builder.Results.
func (c *Codec) ResultRecords(batch *bulk.ResultBatch, maxBytes int) []bulk.Record {
	b := Builder{codec: c}
	b.Results(batch, maxBytes)
	return b.records
}

// ChangeRecord makes the record of a change event.
func (c *Codec) ChangeRecord(ch *bulk.Change) bulk.Record {
	b := Builder{codec: c}
	b.Change(ch)
	return b.records[0]
}

// ResponseRecord makes the record of a response event.
func (c *Codec) ResponseRecord(r *bulk.Response) bulk.Record {
	b := Builder{codec: c}
	b.Response(r)
	return b.records[0]
}
