package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// findText reads customers beside two arrays of keys, matching value with the
// column. The first column is the number of the key, from 1.
func findText(column string) string {
	return `SELECT k.number::int4, c.version, c.updated_at, c.ctid, c.customer, ` + selectedColumns() + `
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(company, value, number)
		JOIN customer c ON c.company = k.company AND c.` + column + ` = k.value`
}

// columnsBefore is how many columns findText selects before those of the fields.
const columnsBefore = 5

// reset makes room for what is stored under n keys.
func (a *attempt) reset(n int) {
	a.places = slices.Grow(a.places[:0], n)[:n]
	a.found = slices.Grow(a.found[:0], n)[:n]
	clear(a.found)
	a.raw, a.spans, a.rows = a.raw[:0], a.spans[:0], a.rows[:0]
}

// queueFind queues the reading of the keys of one sort, if there are any.
func (a *attempt) queueFind(b *pgx.Batch, keys []bulk.CustomerKey, byRef bool, text string) {
	var order []int32
	for i := range keys {
		// What the database can not hold is not there.
		if keys[i].ByRef == byRef && isText(keys[i].Company, keys[i].Value) {
			order = append(order, int32(i))
		}
	}
	if len(order) == 0 {
		return
	}
	slices.SortFunc(order, func(x, y int32) int { return compareKeys(&keys[x], &keys[y]) })
	companies, values := make([]string, len(order)), make([]string, len(order))
	for i, at := range order {
		companies[i], values[i] = keys[at].Company, keys[at].Value
	}
	b.Queue(text, companies, values).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := a.readRow(rows, order); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func compareKeys(x, y *bulk.CustomerKey) int {
	if c := strings.Compare(x.Company, y.Company); c != 0 {
		return c
	}
	return strings.Compare(x.Value, y.Value)
}

// readRow copies a row of findText out of the connection's memory.
func (a *attempt) readRow(rows pgx.Rows, order []int32) error {
	v := rows.RawValues()
	if len(v) != columnsBefore+customer.NumFields || len(v[0]) != 4 || len(v[1]) != 8 || len(v[2]) != 8 || len(v[3]) != tidLength {
		return errors.New("a customer came in another form than the binary one")
	}
	number := binary.BigEndian.Uint32(v[0])
	if number == 0 || int64(number) > int64(len(order)) {
		return fmt.Errorf("a customer came for key %d of %d", number, len(order))
	}
	key := order[number-1]
	a.found[key].Version = readInt8(v[1])
	copy(a.places[key].tid[:], v[3])
	a.rows = append(a.rows, foundRow{key: key, updatedAt: readInt8(v[2])})
	for _, text := range v[columnsBefore-1:] {
		if text == nil {
			a.spans = append(a.spans, span{length: -1})
			continue
		}
		a.spans = append(a.spans, span{begin: len(a.raw), length: len(text)})
		a.raw = append(a.raw, text...)
	}
	return nil
}

// encodeFound makes the documents of all customers read.
func (a *attempt) encodeFound(codec bulk.DocCodec) error {
	texts := string(a.raw) // one copy for all
	spans := a.spans
	a.docs, a.docEnds = a.docs[:0], a.docEnds[:0]
	for i := range a.rows {
		row := &a.rows[i]
		id := spans[0].of(texts)
		a.one = customer.Customer{CustomerID: id, Version: a.found[row.key].Version, UpdatedAt: fromEpoch(row.updatedAt)}
		for f := range customer.Field(customer.NumFields) {
			at := spans[1+f]
			if at.length < 0 {
				continue
			}
			value, err := readValue(f, at.of(texts))
			if err != nil {
				return err
			}
			a.one.Values[f] = value
		}
		spans = spans[1+customer.NumFields:]
		a.found[row.key].CustomerID = id
		a.docs = codec.AppendCustomer(a.docs, &a.one)
		a.docEnds = append(a.docEnds, len(a.docs))
	}
	begin := 0 // docs no longer moves
	for i, end := range a.docEnds {
		a.found[a.rows[i].key].Doc = a.docs[begin:end:end]
		begin = end
	}
	return nil
}

func (s span) of(texts string) string { return texts[s.begin : s.begin+s.length] }
