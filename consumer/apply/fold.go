package apply

import (
	"fmt"
	"slices"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// maxDocBytes is the largest customer document: with its before-image, key and
// headers a change stays under the log's 900 KB.
const maxDocBytes = 256 << 10

// folder decides what a batch does; one batch after the other, of any partition,
// uses its memory. It is filled by add from the records alone;
// decide may then run any number of times over what the store holds.
type folder struct {
	codec  *event.Codec
	src    bulk.Source
	nowMs  int64
	rows   []rowEvent
	rowBuf []*bulk.Row // one for each of rows, used again by the next batch
	bytes  int         // of the records

	uploads   []string
	uploadIdx map[string]int
	keys      []bulk.CustomerKey
	keyIdx    map[bulk.CustomerKey]int
	refused   map[customerName]bulk.RefusedCustomer

	// What decide makes.
	view    *bulk.ApplyView
	marks   []bulk.UploadMark
	gap     []bool
	results [][]bulk.Result
	known   []*folded                    // beside keys, where the key is a customerId
	others  map[customerName]*folded     // found by reference alone
	holders map[bulk.CustomerKey]*folded // who holds a reference now; nil: nobody
	order   []*folded
	blocks  [][]folded // where the folded of order are, used again by the next decide
	docs    []byte     // where documents are made; grows by reallocation, finished ones keep the old memory
	journal []byte
	packed  []byte
	tally   tally
	out     *event.Builder // makes the batch's records; goes away with them when they are published
}

const (
	blockRows = 256
	// maxDocsBytes keeps a rare batch of huge customers from holding its memory.
	maxDocsBytes = 4 << 20
)

// rowEvent is one record of the batch: a row, or bytes that could not be read.
type rowEvent struct {
	row    *bulk.Row // nil: unreadable
	upload int       // index into uploads; -1: not even the upload is known
	key    int       // index into keys of what names the customer; -1: nothing does
	number int64
	prev   int64
	record *bulk.Record
	reason string // of an unreadable record
}

// customerName is a customer's full name.
type customerName struct{ company, id string }

// folded is a customer as the batch has made it so far.
type folded struct {
	name    customerName
	found   int // index into keys; -1: new
	old     bulk.StoredCustomer
	doc     []byte
	version int64
	cust    customer.Customer
	oldRef  string
	oldName string
}

// tally counts what became of the batch's records.
type tally struct {
	status      [4]int
	redelivered int
	gaps        int
	unknown     int
	letters     int // dead letters made
	rowless     int // of them those without a known row
}

// refuse makes every row of a customer fail at the next decide.
func (f *folder) refuse(c bulk.RefusedCustomer) {
	if f.refused == nil {
		f.refused = map[customerName]bulk.RefusedCustomer{}
	}
	f.refused[customerName{c.Company, c.CustomerID}] = c
}

// decide folds the batch over what the store holds. It is given to the store's
// transaction and has no effect but its return value and f.out.
func (f *folder) decide(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
	f.view = v
	f.marks = append(f.marks[:0], v.Marks...)
	f.gap = append(f.gap[:0], make([]bool, len(f.uploads))...)
	for len(f.results) < len(f.uploads) {
		f.results = append(f.results, nil)
	}
	for i := range f.uploads {
		f.results[i] = f.results[i][:0]
	}
	f.known = slices.Grow(f.known[:0], len(f.keys))[:len(f.keys)]
	clear(f.known)
	clear(f.others)
	clear(f.holders)
	f.out.Reset()
	if cap(f.docs) > maxDocsBytes {
		f.docs = nil
	}
	f.order, f.docs, f.journal, f.tally = f.order[:0], f.docs[:0], f.journal[:0], tally{}
	for i := range f.rows {
		if err := f.take(&f.rows[i]); err != nil {
			return nil, err
		}
	}
	return f.write(v), nil
}

// take applies the prev rule to one record and, if it is next, gives it its result.
func (f *folder) take(e *rowEvent) error {
	if e.row == nil {
		f.out.Add(event.DeadLetterRecord(e.record, e.reason))
		f.tally.letters++
		if e.upload < 0 {
			f.tally.rowless++
			return nil
		}
	}
	m := &f.marks[e.upload]
	switch {
	case !m.Known || m.Final || e.row != nil && e.row.Company != m.Company:
		f.tally.unknown++
		return nil
	case e.number <= m.Last:
		f.tally.redelivered++
		return nil
	case e.prev != m.Last:
		f.tally.gaps++
		f.gap[e.upload] = true
		return nil
	}
	m.Last = e.number
	res := bulk.Result{Row: e.number}
	switch {
	case e.row == nil:
		res.Status = bulk.StatusFailed
		res.Errors = []customer.Issue{{Code: customer.UnreadableEvent, Message: "the row was damaged on its way and was not applied: send it again"}}
	case m.Cancelled:
		res.Status = bulk.StatusUnprocessed
		res.Warnings = e.row.Warnings
	default:
		if err := f.row(e, &res); err != nil {
			return err
		}
	}
	f.tally.status[res.Status]++
	f.results[e.upload] = append(f.results[e.upload], res)
	return nil
}

// row makes one row take effect on the customers as the batch has them.
func (f *folder) row(e *rowEvent, res *bulk.Result) error {
	r := e.row
	res.Warnings, res.Amount = r.Warnings, r.Amount
	c, err := f.subject(e)
	if err != nil {
		return err
	}
	if issue, ok := f.objection(r, c); ok {
		f.fail(res, issue)
		if c != nil && c.version > 0 {
			res.CustomerID = c.name.id
		}
		return nil
	}
	wasRef := c.cust.Values[customer.UniqueRefNo].Text
	changed := c.cust.Apply(&r.Changes)
	res.CustomerID, res.Version = c.name.id, c.version
	if changed == 0 && c.version > 0 {
		res.Status = bulk.StatusUnchanged
		return nil
	}
	doc := f.document(c)
	if len(doc) > maxDocBytes {
		f.fail(res, customer.Issue{Code: customer.TooLong, Message: fmt.Sprintf("the customer would take %d bytes after this row and at most %d are kept: shorten the longest values", len(doc), maxDocBytes)})
		return f.restore(c)
	}
	f.moveReference(c, wasRef)
	change := bulk.Change{
		Upload: r.Upload, Company: r.Company, CustomerID: c.name.id, Row: r.Number, Version: c.version + 1,
		Operation: bulk.OperationUpdated, ChangedAt: f.nowMs, Fields: changed, Before: c.doc, After: doc,
	}
	if c.version == 0 {
		change.Operation, change.Before = bulk.OperationCreated, nil
	}
	f.out.Change(&change)
	c.doc, c.version = doc, change.Version
	res.Status, res.Version = bulk.StatusApplied, change.Version
	return nil
}

// objection says why a row can not take effect, if so.
func (f *folder) objection(r *bulk.Row, c *folded) (customer.Issue, bool) {
	identity := customer.NameCustomerID
	if r.ByRef {
		identity = customer.UniqueRefNo.String()
	}
	exists := c != nil && c.version > 0
	switch {
	case c == nil, r.Kind == bulk.KindUpdate && !exists: // a create that names nobody is not the split's
		return customer.Issue{
			Field: identity, Rejected: r.Identity, Code: customer.NotFound,
			Message: "the company has no customer with this " + identity + ": correct it, or create the customer first",
		}, true
	case r.Kind == bulk.KindCreate && exists:
		return customer.Issue{
			Field: customer.NameCustomerID, Rejected: r.CustomerID, Code: customer.AlreadyExists,
			Message: "a customer with this customerId exists: leave the row out, or send it as an update",
		}, true
	}
	if bad, ok := f.refused[c.name]; ok {
		if bad.IsDuplicateRef {
			return duplicateReference(r.Changes[customer.UniqueRefNo].Value.Text), true
		}
		return customer.Issue{Code: customer.StoreRefused, Message: "the store can not hold a value of this row: shorten it or remove unusual characters"}, true
	}
	if ch := &r.Changes[customer.UniqueRefNo]; ch.Action == customer.Set {
		h, err := f.holder(bulk.CustomerKey{Company: r.Company, Value: ch.Value.Text, ByRef: true})
		if err == nil && h != nil && h != c {
			return duplicateReference(ch.Value.Text), true
		}
	}
	return customer.Issue{}, false
}

func duplicateReference(ref string) customer.Issue {
	return customer.Issue{
		Field: customer.UniqueRefNo.String(), Rejected: ref, Code: customer.DuplicateReference,
		Message: "another customer of the company holds this uniqueRefNo: use one that is free",
	}
}

// fail turns a result into a failed one. The amount of a failed row is not summed.
func (f *folder) fail(res *bulk.Result, issue customer.Issue) {
	res.Status, res.Errors, res.Amount = bulk.StatusFailed, []customer.Issue{issue}, customer.Decimal{}
	res.Version = 0
}
