package event

import (
	"math"
	"slices"
	"unicode/utf8"

	"sluice/internal/customer"
)

// Shortest encodings of array items: they bound what an announced count may
// make a decoder allocate.
const (
	minText     = 1
	minLong     = 1
	minReminder = 6
	minIssue    = 4
	minResult   = 7
)

// decoder reads Avro from s. The first failure sticks: everything read after it
// is zero, so callers look at err once, at the end.
type decoder struct {
	s   string
	pos int
	err *DecodeError
}

// open begins to read a value that must have the given prefix.
func open(value []byte, want *prefix) decoder {
	switch {
	case value == nil:
		return decoder{err: &DecodeError{Reason: ReasonNoValue}}
	case len(value) > 0 && value[0] != want[0]:
		return decoder{err: &DecodeError{Reason: ReasonBadMagic}}
	case len(value) < prefixLen:
		return decoder{err: &DecodeError{Reason: ReasonTruncated, Offset: len(value)}}
	case prefix(value[:prefixLen]) != *want:
		return decoder{err: &DecodeError{Reason: ReasonUnknownSchema, Offset: 1}}
	}
	return decoder{s: string(value), pos: prefixLen}
}

// close reports the first failure; bytes that are left over are one.
func (d *decoder) close() error {
	if d.err == nil && d.pos != len(d.s) {
		d.fail(ReasonTrailing)
	}
	if d.err != nil {
		return d.err
	}
	return nil
}

func (d *decoder) fail(r Reason) {
	if d.err == nil {
		d.err = &DecodeError{Reason: r, Offset: d.pos}
	}
	d.s = d.s[:d.pos]
}

func (d *decoder) rest() int { return len(d.s) - d.pos }

func (d *decoder) long() int64 {
	if d.pos < len(d.s) && d.s[d.pos] < 0x80 {
		u := d.s[d.pos]
		d.pos++
		return int64(u>>1) ^ -int64(u&1)
	}
	return d.longSlow()
}

func (d *decoder) longSlow() int64 {
	var u uint64
	for i := range 10 {
		if d.pos+i >= len(d.s) {
			d.fail(ReasonTruncated)
			return 0
		}
		b := d.s[d.pos+i]
		if i == 9 && b > 1 {
			break
		}
		u |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.pos += i + 1
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	d.fail(ReasonBadNumber)
	return 0
}

func (d *decoder) int() int32 {
	n := d.long()
	if n < math.MinInt32 || n > math.MaxInt32 {
		d.fail(ReasonBadNumber)
		return 0
	}
	return int32(n)
}

// raw reads a length and as many bytes.
func (d *decoder) raw() string {
	n := d.long()
	if uint64(n) > uint64(len(d.s)-d.pos) {
		if n < 0 {
			d.fail(ReasonBadLength)
		} else {
			d.fail(ReasonTruncated)
		}
		return ""
	}
	s := d.s[d.pos : d.pos+int(n)]
	d.pos += int(n)
	return s
}

func (d *decoder) text() string {
	var s string
	if p := d.pos; p < len(d.s) && d.s[p]&0x81 == 0 && int(d.s[p]>>1) < len(d.s)-p {
		end := p + 1 + int(d.s[p]>>1) // the common case: a length of one byte
		s, d.pos = d.s[p+1:end], end
	} else {
		s = d.raw()
	}
	if !utf8.ValidString(s) {
		d.fail(ReasonBadText)
		return ""
	}
	return s
}

// branch reads a union's branch, symbol an enum's symbol.
func (d *decoder) branch(count int64) int { return d.index(count, ReasonBadBranch) }
func (d *decoder) symbol(count int64) int { return d.index(count, ReasonBadSymbol) }

func (d *decoder) index(count int64, r Reason) int {
	n := d.long()
	if n < 0 || n >= count {
		d.fail(r)
		return 0
	}
	return int(n)
}

// block reads the head of an array's next block and returns its number of
// items, 0 after the last.
func (d *decoder) block(minItem int) int {
	n := d.long()
	if n < 0 { // then the block's bytes follow, of no use here
		n = -n
		if size := d.long(); n < 0 || size < 0 || size > int64(d.rest()) {
			d.fail(ReasonBadLength)
			return 0
		}
	}
	if n > int64(d.rest()/minItem) {
		d.fail(ReasonBadLength)
		return 0
	}
	return int(n)
}

func (d *decoder) decimal() customer.Decimal {
	s := d.raw()
	if s == "" {
		return customer.Decimal{}
	}
	v, err := customer.ParseDecimal(s)
	if err != nil {
		d.fail(ReasonBadDecimal)
	}
	return v
}

func (d *decoder) texts() []string {
	var list []string
	for n := d.block(minText); n > 0; n = d.block(minText) {
		list = slices.Grow(list, n)
		for range n {
			list = append(list, d.text())
		}
	}
	return list
}

func (d *decoder) reminders() []customer.Reminder {
	var list []customer.Reminder
	for n := d.block(minReminder); n > 0; n = d.block(minReminder) {
		list = slices.Grow(list, n)
		for range n {
			list = append(list, customer.Reminder{
				CustomerReminderID: d.text(),
				DueDateDifference:  d.int(),
				ReminderInterval:   d.int(),
				ReminderTime:       d.text(),
				ReminderType:       d.text(),
				Stage:              d.text(),
			})
		}
	}
	return list
}

func (d *decoder) issues() []customer.Issue {
	var list []customer.Issue
	for n := d.block(minIssue); n > 0; n = d.block(minIssue) {
		list = slices.Grow(list, n)
		for range n {
			list = append(list, customer.Issue{
				Field:    d.text(),
				Column:   -1, // not on the log
				Rejected: d.text(),
				Code:     customer.Code(d.text()),
				Message:  d.text(),
			})
		}
	}
	return list
}
