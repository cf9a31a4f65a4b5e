package postgres

import (
	"cmp"
	"fmt"
	"slices"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// customerArrays are the parameters of a statement over many customers: the
// arrays that find them and one for each column.
type customerArrays struct {
	n                                   int
	tid, company, customer              array
	before, version, updatedAt, docSize array
	fields                              [customer.NumFields]array
}

func (c *customerArrays) reset() {
	c.n = 0
	c.tid.reset(oidTID)
	c.company.reset(oidText)
	c.customer.reset(oidText)
	c.before.reset(oidInt8)
	c.version.reset(oidInt8)
	c.updatedAt.reset(oidTime)
	c.docSize.reset(oidInt4)
	for f := range c.fields {
		if customer.Field(f) < firstJSON {
			c.fields[f].reset(oidText)
		} else {
			c.fields[f].reset(oidJSONB)
		}
	}
}

// add adds a write of which one is the customer.
func (c *customerArrays) add(w *bulk.CustomerWrite, one *customer.Customer, at *place) error {
	c.n++
	c.tid.raw(at.tid[:])
	c.company.text(w.Company)
	c.customer.text(w.CustomerID)
	c.before.int8(w.OldVersion)
	c.version.int8(w.Version)
	c.updatedAt.time(one.UpdatedAt)
	c.docSize.int4(len(w.Doc))
	for f := range customer.Field(customer.NumFields) {
		if err := appendValue(&c.fields[f], f, &one.Values[f]); err != nil {
			return err
		}
	}
	return nil
}

// args are the given arrays and those of the columns.
func (c *customerArrays) args(first ...any) []any {
	args := append(first, &c.version, &c.updatedAt, &c.docSize)
	for f := range c.fields {
		args = append(args, &c.fields[f])
	}
	return args
}

// customerTexts are the statements that write customers, made once.
type customerTexts struct {
	findByID, findByRef           string
	updateByTID, updateByKey, add string
	clearRefs                     string
}

func newCustomerTexts() customerTexts {
	set := `UPDATE customer c SET version = u.version, updated_at = u.updated_at, doc_bytes = u.doc_bytes, ` +
		eachColumn(", ", func(_ customer.Field, column string) string { return column + " = u." + column })
	// Parameters 1 and 2 are those of expecting.
	return customerTexts{
		findByID:  findText("customer"),
		findByRef: findText("unique_ref_no"),
		updateByTID: set + ` FROM unnest($3::tid[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::integer[], ` + columnArrays(8) + `)
			AS u(tid, before, version, updated_at, doc_bytes, ` + columnList("") + `)
			WHERE c.ctid = u.tid AND c.version = u.before`,
		updateByKey: set + ` FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::integer[], ` + columnArrays(9) + `)
			AS u(company, customer, before, version, updated_at, doc_bytes, ` + columnList("") + `)
			WHERE c.company = u.company AND c.customer = u.customer AND c.version = u.before`,
		add: `INSERT INTO customer (company, customer, version, updated_at, doc_bytes, ` + columnList("") + `)
			SELECT * FROM unnest($3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::integer[], ` + columnArrays(8) + `)`,
		clearRefs: `UPDATE customer c SET unique_ref_no = NULL FROM unnest($1::text[], $2::text[]) AS u(company, customer)
			WHERE c.company = u.company AND c.customer = u.customer AND c.unique_ref_no IS NOT NULL`,
	}
}

func (t *customerTexts) update(c *customerArrays) statement {
	return expecting(c.n, stateChanged, t.updateByTID, c.args(&c.tid, &c.before)...)
}

func (t *customerTexts) updateKeys(c *customerArrays) statement {
	return expecting(c.n, stateChanged, t.updateByKey, c.args(&c.company, &c.customer, &c.before)...)
}

func (t *customerTexts) insert(c *customerArrays) statement {
	return expecting(c.n, stateChanged, t.add, c.args(&c.company, &c.customer)...)
}

// checkWrites makes sure that what is to be updated was found by this batch.
func (a *attempt) checkWrites(writes []bulk.CustomerWrite) error {
	for i := range writes {
		w := &writes[i]
		if w.OldVersion == 0 {
			continue
		}
		if w.Found < 0 || w.Found >= len(a.found) || a.found[w.Found].Version != w.OldVersion {
			return fmt.Errorf("write of customer %d was not found at version %d by this batch", i, w.OldVersion)
		}
	}
	return nil
}

// split fills the arrays with the writes, those of new customers apart.
func (a *attempt) split(codec bulk.DocCodec, writes []*bulk.CustomerWrite) error {
	a.updates.reset()
	a.inserts.reset()
	for _, w := range writes {
		if err := codec.DecodeCustomer(w.Doc, &a.one); err != nil {
			return fmt.Errorf("decode a document to write: %w", err)
		}
		to, at := &a.inserts, place{}
		if w.OldVersion > 0 {
			to, at = &a.updates, a.places[w.Found]
		}
		if err := to.add(w, &a.one, &at); err != nil {
			return err
		}
	}
	return nil
}

// sorted lists the writes in the order in which every batch locks them.
func sorted(writes []bulk.CustomerWrite) []*bulk.CustomerWrite {
	list := make([]*bulk.CustomerWrite, len(writes))
	for i := range writes {
		list[i] = &writes[i]
	}
	slices.SortFunc(list, func(x, y *bulk.CustomerWrite) int {
		return cmp.Or(cmp.Compare(x.Company, y.Company), cmp.Compare(x.CustomerID, y.CustomerID))
	})
	return list
}
