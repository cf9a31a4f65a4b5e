package event

import (
	"slices"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// AppendChange appends the value of a change event. Before and After must be
// documents made by AppendCustomer, or empty for none; they are copied as they
// are, without their version byte.
func (c *Codec) AppendChange(dst []byte, ch *bulk.Change) []byte {
	dst = append(dst, c.change[:]...)
	dst = appendText(dst, ch.Upload)
	dst = appendText(dst, ch.Company)
	dst = appendText(dst, ch.CustomerID)
	dst = appendLong(dst, ch.Row)
	dst = appendLong(dst, ch.Version)
	dst = appendSymbol(dst, int(ch.Operation))
	dst = appendLong(dst, ch.ChangedAt)
	if n := ch.Fields.Len(); n > 0 {
		dst = appendLong(dst, int64(n))
		for f := range customer.Field(customer.NumFields) {
			if ch.Fields.Has(f) {
				dst = appendText(dst, f.String())
			}
		}
	}
	dst = append(dst, arrayEnd)
	dst = appendDocument(dst, ch.Before)
	return appendDocument(dst, ch.After)
}

func appendDocument(dst, doc []byte) []byte {
	if len(doc) == 0 {
		return append(dst, branchNull)
	}
	return append(append(dst, branchSecond), doc[1:]...)
}

// DecodeChange reads the value of a change event. Before and After are
// documents again; they share memory of their own.
func (c *Codec) DecodeChange(value []byte, ch *bulk.Change) error {
	d := open(value, &c.change)
	*ch = bulk.Change{
		Upload:     d.text(),
		Company:    d.text(),
		CustomerID: d.text(),
		Row:        d.long(),
		Version:    d.long(),
		Operation:  bulk.Operation(d.symbol(3)),
		ChangedAt:  d.long(),
		Fields:     d.fieldNames(),
	}
	before := d.document()
	after := d.document()
	if err := d.close(); err != nil {
		return err
	}
	docs := make([]byte, 0, len(before)+len(after)+2)
	docs, ch.Before = cutDocument(docs, before)
	_, ch.After = cutDocument(docs, after)
	return nil
}

// document returns the body of a document, empty where it is null: a Customer
// has at least 15 bytes.
func (d *decoder) document() string {
	if d.branch(2) == 0 {
		return ""
	}
	start := d.pos
	d.skipCustomer()
	return d.s[start:d.pos]
}

func cutDocument(dst []byte, body string) (grown, doc []byte) {
	if body == "" {
		return dst, nil
	}
	start := len(dst)
	dst = append(append(dst, documentVersion), body...)
	return dst, slices.Clip(dst[start:])
}

func (d *decoder) fieldNames() customer.FieldSet {
	var set customer.FieldSet
	for n := d.block(minText); n > 0; n = d.block(minText) {
		for range n {
			f, ok := customer.FieldByName(d.raw())
			if !ok {
				d.fail(ReasonBadSymbol)
				return 0
			}
			set = set.With(f)
		}
	}
	return set
}
