package apply

import (
	"bytes"
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

// document encodes a customer as its next version.
func (f *folder) document(c *folded) []byte {
	c.cust.CustomerID = c.name.id
	c.cust.Version = c.version + 1
	c.cust.UpdatedAt = timeOf(f.nowMs)
	begin := len(f.docs)
	f.docs = f.codec.AppendCustomer(f.docs, &c.cust)
	return f.docs[begin:len(f.docs):len(f.docs)]
}

// restore undoes what a refused row did to a customer.
func (f *folder) restore(c *folded) error {
	if c.version == 0 {
		c.cust = customer.Customer{}
		return nil
	}
	if err := f.codec.DecodeCustomer(c.doc, &c.cust); err != nil {
		return fmt.Errorf("customer %s of %s: %w", c.name.id, c.name.company, err)
	}
	return nil
}

// subject returns the customer a row is about, with version 0 if there is none;
// nil when an update names a reference that nobody holds.
func (f *folder) subject(e *rowEvent) (*folded, error) {
	switch {
	case e.key < 0:
		return nil, nil
	case e.row.CustomerID == "":
		return f.holder(f.keys[e.key])
	}
	return f.customer(customerName{e.row.Company, e.row.CustomerID}, e.key)
}

// customer returns the batch's state of a customer found under a key.
func (f *folder) customer(name customerName, key int) (*folded, error) {
	isOther := false
	if f.keys[key].ByRef {
		// The customer may be known under its id too: it is one state.
		if i, ok := f.keyIdx[bulk.CustomerKey{Company: name.company, Value: name.id}]; ok {
			key = i
		} else {
			isOther = true
		}
	}
	c := f.known[key]
	if isOther {
		c = f.others[name]
	}
	if c != nil {
		return c, nil
	}
	old := f.view.Found[key]
	c = f.newFolded()
	c.name, c.found, c.old, c.doc, c.version = name, key, old, old.Doc, old.Version
	if old.Version == 0 {
		c.found = -1
	}
	if err := f.restore(c); err != nil {
		return nil, err
	}
	// Decoded strings alias a copy of the document, so decide may keep them.
	c.oldRef = c.cust.Values[customer.UniqueRefNo].Text
	c.oldName = c.cust.Values[customer.LegalName].Text
	if isOther {
		f.others[name] = c
	} else {
		f.known[key] = c
	}
	return c, nil
}

// newFolded takes the next place and notes it in order.
func (f *folder) newFolded() *folded {
	n := len(f.order)
	if n == len(f.blocks)*blockRows {
		f.blocks = append(f.blocks, make([]folded, blockRows))
	}
	c := &f.blocks[n/blockRows][n%blockRows]
	f.order = append(f.order, c)
	return c
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

// moveReference notes that a customer's reference is another than it was.
func (f *folder) moveReference(c *folded, was string) {
	is := c.cust.Values[customer.UniqueRefNo].Text
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
