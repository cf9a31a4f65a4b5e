package apply

import (
	"bytes"
	"slices"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// begin forgets the last batch.
func (f *folder) begin(o *Owner, src bulk.Source) {
	f.codec, f.src, f.nowMs = o.Codec, src, o.Now().UnixMilli()
	if f.uploadIdx == nil {
		f.uploadIdx = map[string]int{}
		f.keyIdx = map[bulk.CustomerKey]int{}
		f.others = map[customerName]*folded{}
		f.holders = map[bulk.CustomerKey]*folded{}
	}
	if f.out == nil {
		f.out, _ = o.builders.Get().(*event.Builder)
	}
	clear(f.uploadIdx)
	clear(f.keyIdx)
	f.refused = nil
	f.rows, f.uploads, f.keys, f.bytes = f.rows[:0], f.uploads[:0], f.keys[:0], 0
}

// add decodes one record into the batch and notes the keys it needs. Nothing of
// the record is kept.
func (f *folder) add(rec *bulk.Record) {
	f.bytes += len(rec.Value)
	if len(f.rows) == len(f.rowBuf) {
		// The rows so far stay where they are: the batch points to them.
		f.rowBuf = append(f.rowBuf, new(bulk.Row))
	}
	row := f.rowBuf[len(f.rows)]
	if err := f.codec.DecodeRow(rec.Value, row); err != nil {
		e := rowEvent{upload: -1, record: cloneRecord(rec), reason: err.Error()}
		if upload, number, prev, ok := event.RowOf(rec); ok {
			e.upload, e.number, e.prev = f.upload(upload), number, prev
		}
		f.rows = append(f.rows, e)
		return
	}
	e := rowEvent{row: row, upload: f.upload(row.Upload), key: -1, number: row.Number, prev: row.Prev}
	if row.ByRef {
		e.key = f.key(bulk.CustomerKey{Company: row.Company, Value: row.Identity, ByRef: true})
	}
	if row.CustomerID != "" {
		e.key = f.key(bulk.CustomerKey{Company: row.Company, Value: row.CustomerID})
	}
	f.rows = append(f.rows, e)
	if ch := &row.Changes[customer.UniqueRefNo]; ch.Action == customer.Set {
		f.key(bulk.CustomerKey{Company: row.Company, Value: ch.Value.Text, ByRef: true})
	}
}

// cloneRecord copies a record whose bytes belong to the log's reader.
func cloneRecord(rec *bulk.Record) *bulk.Record {
	c := *rec
	c.Key, c.Value, c.Headers = bytes.Clone(rec.Key), bytes.Clone(rec.Value), slices.Clone(rec.Headers)
	for i := range c.Headers {
		c.Headers[i].Value = bytes.Clone(c.Headers[i].Value)
	}
	return &c
}

func (f *folder) upload(id string) int {
	i, ok := f.uploadIdx[id]
	if !ok {
		i = len(f.uploads)
		f.uploads = append(f.uploads, id)
		f.uploadIdx[id] = i
	}
	return i
}

func (f *folder) key(k bulk.CustomerKey) int {
	i, ok := f.keyIdx[k]
	if !ok {
		i = len(f.keys)
		f.keys = append(f.keys, k)
		f.keyIdx[k] = i
	}
	return i
}
