package event

import (
	"time"

	"sluice/internal/customer"
)

// documentVersion is the first byte of a document and says which version of
// customer.avsc follows.
const documentVersion = 1

// AppendCustomer appends the document of c: one version byte and the Avro
// record Customer. UpdatedAt keeps its milliseconds only.
func (*Codec) AppendCustomer(dst []byte, c *customer.Customer) []byte {
	dst = append(dst, documentVersion)
	dst = appendText(dst, c.CustomerID)
	dst = appendLong(dst, c.Version)
	dst = appendLong(dst, c.UpdatedAt.UnixMilli())
	for f := range firstList {
		if v := &c.Values[f]; v.Set {
			dst = appendText(append(dst, branchSecond), v.Text)
		} else {
			dst = append(dst, branchNull)
		}
	}
	if v := &c.Values[customer.BranchCodes]; v.Set {
		dst = appendTexts(append(dst, branchSecond), v.List)
	} else {
		dst = append(dst, branchNull)
	}
	if v := &c.Values[customer.CustomerReminders]; v.Set {
		dst = appendReminders(append(dst, branchSecond), v.Reminders)
	} else {
		dst = append(dst, branchNull)
	}
	return dst
}

// DecodeCustomer reads a document. Nothing of what c held before is reused.
func (*Codec) DecodeCustomer(doc []byte, c *customer.Customer) error {
	d := openDocument(doc)
	*c = customer.Customer{}
	c.CustomerID = d.text()
	c.Version = d.long()
	c.UpdatedAt = time.UnixMilli(d.long()).UTC()
	for f := range firstList {
		if v := &c.Values[f]; d.branch(2) == 1 {
			v.Set, v.Text = true, d.text()
		}
	}
	if v := &c.Values[customer.BranchCodes]; d.branch(2) == 1 {
		v.Set, v.List = true, d.texts()
	}
	if v := &c.Values[customer.CustomerReminders]; d.branch(2) == 1 {
		v.Set, v.Reminders = true, d.reminders()
	}
	return d.close()
}

func openDocument(doc []byte) decoder {
	switch {
	case len(doc) == 0:
		return decoder{err: &DecodeError{Reason: ReasonNoValue}}
	case doc[0] != documentVersion:
		return decoder{err: &DecodeError{Reason: ReasonBadVersion}}
	}
	return decoder{s: string(doc), pos: 1}
}

// skipCustomer checks a Customer and passes over it.
func (d *decoder) skipCustomer() {
	d.text()
	d.long()
	d.long()
	for range firstList {
		if d.branch(2) == 1 {
			d.text()
		}
	}
	if d.branch(2) == 1 {
		for n := d.block(minText); n > 0; n = d.block(minText) {
			for range n {
				d.text()
			}
		}
	}
	if d.branch(2) == 1 {
		for n := d.block(minReminder); n > 0; n = d.block(minReminder) {
			for range n {
				d.text()
				d.int()
				d.int()
				d.text()
				d.text()
				d.text()
			}
		}
	}
}
