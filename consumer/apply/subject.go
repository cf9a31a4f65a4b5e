package apply

import (
	"fmt"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

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
