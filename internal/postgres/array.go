package postgres

import (
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// array is a one-dimensional array in PostgreSQL's binary form, made element by
// element without a slice of values in between. It is never sent empty.
type array struct {
	n       int
	hasNull bool
	buf     []byte
}

// arrayHeader is the length of what stands before the elements: dimensions,
// flags, element type, length, lower bound.
const arrayHeader = 20

// reset makes it an empty array of elements of the type.
func (a *array) reset(elementOID uint32) {
	a.n, a.hasNull = 0, false
	b := append(a.buf[:0], make([]byte, arrayHeader)...)
	binary.BigEndian.PutUint32(b, 1)
	binary.BigEndian.PutUint32(b[8:], elementOID)
	binary.BigEndian.PutUint32(b[16:], 1)
	a.buf = b
}

// bytes returns the array in its wire form, valid until the next reset.
func (a *array) bytes() []byte {
	if a.hasNull {
		binary.BigEndian.PutUint32(a.buf[4:], 1)
	}
	binary.BigEndian.PutUint32(a.buf[12:], uint32(a.n))
	return a.buf
}

func (a *array) null() {
	a.n++
	a.hasNull = true
	a.buf = append(a.buf, 0xff, 0xff, 0xff, 0xff)
}

func (a *array) text(s string) {
	a.n++
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(s)))
	a.buf = append(a.buf, s...)
}

func (a *array) raw(b []byte) {
	a.n++
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(b)))
	a.buf = append(a.buf, b...)
}

// jsonb adds a JSON text as the first version of the type's wire form.
func (a *array) jsonb(text []byte) {
	a.n++
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(text)+1))
	a.buf = append(a.buf, 1)
	a.buf = append(a.buf, text...)
}

func (a *array) int8(v int64) {
	a.n++
	a.buf = append(a.buf, 0, 0, 0, 8)
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(v))
}

func (a *array) int4(v int) {
	a.n++
	a.buf = append(a.buf, 0, 0, 0, 4)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(v))
}

func (a *array) time(t time.Time) { a.int8(t.UnixMicro() - epochMicros) }

// epochMicros is 2000-01-01, where timestamptz begins, in microseconds since 1970.
const epochMicros = 946_684_800_000_000

// fromEpoch is the time of a timestamptz in its binary form.
func fromEpoch(micros int64) time.Time {
	return time.UnixMicro(micros + epochMicros).UTC()
}

func readInt8(b []byte) int64 {
	return int64(binary.BigEndian.Uint64(b))
}

// The types of elements in use.
const (
	oidText   = pgtype.TextOID
	oidInt8   = pgtype.Int8OID
	oidInt4   = pgtype.Int4OID
	oidTime   = pgtype.TimestamptzOID
	oidTID    = pgtype.TIDOID
	oidJSONB  = pgtype.JSONBOID
	tidLength = 6
)
