package apply

import (
	"fmt"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// maxDocBytes is the largest customer document: with its before-image, key and
// headers a change stays under the log's 900 KB.
const maxDocBytes = 256 << 10

// folder decides what a batch does. It is filled by begin from the records alone;
// decide may then run any number of times over what the store holds.
type folder struct {
	codec  *event.Codec
	src    bulk.Source
	nowMs  int64
	rows   []rowEvent
	rowBuf []bulk.Row

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
	touched map[customerName]*folded
	holders map[bulk.CustomerKey]*folded // who holds a reference now; nil: nobody
	order   []*folded
	out     []bulk.Record
	journal []byte
	packed  []byte
	tally   tally
}

// rowEvent is one record of the batch: a row, or bytes that could not be read.
type rowEvent struct {
	row    *bulk.Row // nil: unreadable
	upload int       // index into uploads; -1: not even the upload is known
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
	status       [4]int
	redelivered  int
	gaps         int
	unknown      int
	deadLettered int
}

// begin decodes a batch and gathers what must be read for it.
func (f *folder) begin(o *Owner, src bulk.Source, records []bulk.Record) {
	f.codec, f.src, f.nowMs = o.Codec, src, o.Now().UnixMilli()
	if f.uploadIdx == nil {
		f.uploadIdx = map[string]int{}
		f.keyIdx = map[bulk.CustomerKey]int{}
	}
	clear(f.uploadIdx)
	clear(f.keyIdx)
	f.refused = nil
	// Slices handed to the store or to a publish in flight are not reused.
	f.rows, f.uploads, f.keys = f.rows[:0], f.uploads[:0], f.keys[:0]
	for len(f.rowBuf) < len(records) {
		f.rowBuf = append(f.rowBuf, bulk.Row{})
	}
	for i := range records {
		f.decode(&records[i], &f.rowBuf[i])
	}
}

// decode reads one record and notes the keys it needs.
func (f *folder) decode(rec *bulk.Record, row *bulk.Row) {
	if err := f.codec.DecodeRow(rec.Value, row); err != nil {
		e := rowEvent{upload: -1, record: rec, reason: err.Error()}
		if upload, number, prev, ok := event.RowOf(rec); ok {
			e.upload, e.number, e.prev = f.upload(upload), number, prev
		}
		f.rows = append(f.rows, e)
		return
	}
	f.rows = append(f.rows, rowEvent{row: row, upload: f.upload(row.Upload), number: row.Number, prev: row.Prev})
	if row.CustomerID != "" {
		f.key(bulk.CustomerKey{Company: row.Company, Value: row.CustomerID})
	}
	if row.ByRef {
		f.key(bulk.CustomerKey{Company: row.Company, Value: row.Identity, ByRef: true})
	}
	if ch := &row.Changes[customer.UniqueRefNo]; ch.Action == customer.Set {
		f.key(bulk.CustomerKey{Company: row.Company, Value: ch.Value.Text, ByRef: true})
	}
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

func (f *folder) key(k bulk.CustomerKey) {
	if _, ok := f.keyIdx[k]; !ok {
		f.keyIdx[k] = len(f.keys)
		f.keys = append(f.keys, k)
	}
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
	f.touched = make(map[customerName]*folded, len(f.keys))
	f.holders = map[bulk.CustomerKey]*folded{}
	f.order, f.out, f.journal, f.tally = f.order[:0], nil, f.journal[:0], tally{}
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
		f.out = append(f.out, event.DeadLetterRecord(e.record, e.reason))
		f.tally.deadLettered++
		if e.upload < 0 {
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
		if err := f.row(e.row, &res); err != nil {
			return err
		}
	}
	f.tally.status[res.Status]++
	f.results[e.upload] = append(f.results[e.upload], res)
	return nil
}

// row makes one row take effect on the customers as the batch has them.
func (f *folder) row(r *bulk.Row, res *bulk.Result) error {
	res.Warnings, res.Amount = r.Warnings, r.Amount
	c, err := f.subject(r)
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
	before, beforeVersion := c.doc, c.version
	next := c.cust
	changed := next.Apply(&r.Changes)
	res.CustomerID, res.Version = c.name.id, c.version
	if changed == 0 && beforeVersion > 0 {
		res.Status = bulk.StatusUnchanged
		return nil
	}
	next.CustomerID = c.name.id
	next.Version = beforeVersion + 1
	next.UpdatedAt = timeOf(f.nowMs)
	doc := f.codec.AppendCustomer(nil, &next)
	if len(doc) > maxDocBytes {
		f.fail(res, customer.Issue{Code: customer.TooLong, Message: fmt.Sprintf("the customer would take %d bytes after this row and at most %d are kept: shorten the longest values", len(doc), maxDocBytes)})
		return nil
	}
	f.moveReference(c, &next)
	c.cust, c.doc, c.version = next, doc, next.Version
	res.Status, res.Version = bulk.StatusApplied, next.Version
	change := bulk.Change{
		Upload: r.Upload, Company: r.Company, CustomerID: c.name.id, Row: r.Number, Version: next.Version,
		Operation: bulk.OperationUpdated, ChangedAt: f.nowMs, Fields: changed, Before: before, After: doc,
	}
	if beforeVersion == 0 {
		change.Operation, change.Before = bulk.OperationCreated, nil
	}
	f.out = append(f.out, f.codec.ChangeRecord(&change))
	return nil
}

// subject returns the customer a row is about, with version 0 if there is none;
// nil when an update names a reference that nobody holds.
func (f *folder) subject(r *bulk.Row) (*folded, error) {
	if r.CustomerID == "" {
		return f.holder(bulk.CustomerKey{Company: r.Company, Value: r.Identity, ByRef: true})
	}
	key := bulk.CustomerKey{Company: r.Company, Value: r.CustomerID}
	return f.customer(customerName{r.Company, r.CustomerID}, f.keyIdx[key])
}

// customer returns the batch's state of a customer found under a key.
func (f *folder) customer(name customerName, key int) (*folded, error) {
	if c := f.touched[name]; c != nil {
		return c, nil
	}
	old := f.view.Found[key]
	c := &folded{name: name, found: key, old: old, doc: old.Doc, version: old.Version}
	if old.Version == 0 {
		c.found = -1
	} else if err := f.codec.DecodeCustomer(old.Doc, &c.cust); err != nil {
		return nil, fmt.Errorf("customer %s of %s: %w", name.id, name.company, err)
	}
	// Decoded strings alias the store's buffer copy, which decide may keep.
	c.oldRef = c.cust.Values[customer.UniqueRefNo].Text
	c.oldName = c.cust.Values[customer.LegalName].Text
	f.touched[name] = c
	f.order = append(f.order, c)
	return c, nil
}

// holder returns who holds a reference now, nil for nobody.
func (f *folder) holder(k bulk.CustomerKey) (*folded, error) {
	if c, known := f.holders[k]; known {
		return c, nil
	}
	i, ok := f.keyIdx[k]
	if !ok || f.view.Found[i].Version == 0 {
		f.holders[k] = nil
		return nil, nil
	}
	c, err := f.customer(customerName{k.Company, f.view.Found[i].CustomerID}, i)
	if err != nil {
		return nil, err
	}
	// The customer may already have given the reference up in this batch.
	if c.cust.Values[customer.UniqueRefNo].Text != k.Value {
		f.holders[k] = nil
		return nil, nil
	}
	f.holders[k] = c
	return c, nil
}

// moveReference notes that a customer's reference is another now.
func (f *folder) moveReference(c *folded, next *customer.Customer) {
	was, is := c.cust.Values[customer.UniqueRefNo].Text, next.Values[customer.UniqueRefNo].Text
	if was == is {
		return
	}
	if was != "" {
		f.holders[bulk.CustomerKey{Company: c.name.company, Value: was, ByRef: true}] = nil
	}
	if is != "" {
		f.holders[bulk.CustomerKey{Company: c.name.company, Value: is, ByRef: true}] = c
	}
}

// objection says why a row can not take effect, if so.
func (f *folder) objection(r *bulk.Row, c *folded) (customer.Issue, bool) {
	identity := customer.NameCustomerID
	if r.ByRef {
		identity = customer.UniqueRefNo.String()
	}
	exists := c != nil && c.version > 0
	switch {
	case r.Kind == bulk.KindUpdate && !exists:
		return customer.Issue{Field: identity, Rejected: r.Identity, Code: customer.NotFound,
			Message: "the company has no customer with this " + identity + ": correct it, or create the customer first"}, true
	case r.Kind == bulk.KindCreate && exists:
		return customer.Issue{Field: customer.NameCustomerID, Rejected: r.CustomerID, Code: customer.AlreadyExists,
			Message: "a customer with this customerId exists: leave the row out, or send it as an update"}, true
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
	return customer.Issue{Field: customer.UniqueRefNo.String(), Rejected: ref, Code: customer.DuplicateReference,
		Message: "another customer of the company holds this uniqueRefNo: use one that is free"}
}

// fail turns a result into a failed one. The amount of a failed row is not summed.
func (f *folder) fail(res *bulk.Result, issue customer.Issue) {
	res.Status, res.Errors, res.Amount = bulk.StatusFailed, []customer.Issue{issue}, customer.Decimal{}
	res.Version = 0
}
