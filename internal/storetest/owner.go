package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// owner is an owner of one partition of customer.updates, as the suite plays it.
type owner struct {
	store  Store
	source bulk.Source
	next   int64
	seq    int64
}

func updates(partition int32) bulk.Source {
	return bulk.Source{Cluster: "cluster-1", Topic: bulk.TopicUpdates, Partition: partition}
}

func results(partition int32) bulk.Source {
	return bulk.Source{Cluster: "cluster-1", Topic: bulk.TopicResults, Partition: partition}
}

// newOwner begins a partition that was never read.
func newOwner(t *testing.T, s Store, partition int32) *owner {
	t.Helper()
	o := &owner{store: s, source: updates(partition)}
	must(t, s.Restart(t.Context(), o.source, -1, 0))
	return o
}

// apply runs a batch of one offset; the owner moves on when it succeeds.
func (o *owner) apply(ctx context.Context, b bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error)) error {
	b.Source, b.From, b.Next, b.Seq = o.source, o.next, o.next+1, o.seq+1
	hasJournal := false
	err := o.store.Apply(ctx, &b, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w, err := decide(v)
		hasJournal = err == nil && w.Journal != nil
		return w, err
	})
	if err != nil {
		return err
	}
	o.next++
	if hasJournal {
		o.seq++
	}
	return nil
}

// write is apply without reading.
func (o *owner) write(t *testing.T, w bulk.ApplyWrite) {
	t.Helper()
	must(t, o.apply(t.Context(), bulk.ApplyBatch{}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) { return &w, nil }))
}

// marks reads an upload's mark on the partition.
func (o *owner) mark(t *testing.T, uploadID string) bulk.UploadMark {
	t.Helper()
	var m bulk.UploadMark
	must(t, o.apply(t.Context(), bulk.ApplyBatch{Uploads: []string{uploadID}}, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		m = v.Marks[0]
		return &bulk.ApplyWrite{}, nil
	}))
	return m
}

// edit is what a row of the suite asks for. The customer is named by id, or by
// key as a reference. An empty ref or name stays; "-" takes the ref away.
type edit struct {
	company, id, key string
	ref, name        string
	size             int // at least so many bytes of document
}

// edit applies all edits as one batch.
func (o *owner) edit(ctx context.Context, edits ...edit) error {
	keys := make([]bulk.CustomerKey, len(edits))
	for i, e := range edits {
		keys[i] = bulk.CustomerKey{Company: e.company, Value: e.id}
		if e.key != "" {
			keys[i] = bulk.CustomerKey{Company: e.company, Value: e.key, ByRef: true}
		}
	}
	return o.apply(ctx, bulk.ApplyBatch{Keys: keys}, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w := &bulk.ApplyWrite{Journal: []byte("journal")}
		for i, e := range edits {
			one, err := e.over(v.Found[i], i)
			if err != nil {
				return nil, err
			}
			w.Customers = append(w.Customers, one)
		}
		return w, nil
	})
}

// over makes the write of an edit over what was found under key i.
func (e edit) over(found bulk.StoredCustomer, i int) (bulk.CustomerWrite, error) {
	c := customer.Customer{CustomerID: e.id}
	w := bulk.CustomerWrite{Found: -1, Company: e.company, CustomerID: e.id}
	if found.Version > 0 {
		if err := (Codec{}).DecodeCustomer(found.Doc, &c); err != nil {
			return w, err
		}
		if e.key == "" && found.CustomerID != e.id {
			return w, fmt.Errorf("found customer %s under %s", found.CustomerID, e.id)
		}
		w.Found, w.CustomerID, w.OldVersion = i, found.CustomerID, found.Version
	} else if e.key != "" {
		return w, errNoReference
	}
	set := func(f customer.Field, text string, changed *bool) {
		value := customer.Value{Set: text != "-", Text: text}
		if text == "-" {
			value.Text = ""
		}
		if text != "" && !c.Values[f].Equal(&value) {
			c.Values[f], *changed = value, true
		}
	}
	set(customer.UniqueRefNo, e.ref, &w.RefChanged)
	set(customer.LegalName, e.name, &w.NameChanged)
	if e.size > 0 {
		c.Values[customer.Address] = customer.Value{Set: true, Text: strings.Repeat("x", e.size)}
	}
	c.Version = w.OldVersion + 1
	c.UpdatedAt = time.UnixMilli(c.Version).UTC()
	w.Version = c.Version
	w.Ref, w.Name = c.Values[customer.UniqueRefNo].Text, c.Values[customer.LegalName].Text
	w.Doc = Codec{}.AppendCustomer(nil, &c)
	return w, nil
}

var errNoReference = errors.New("no customer has the reference")

// has checks what is stored of a customer.
func has(t *testing.T, s Store, company, id string, version int64, ref, name string) {
	t.Helper()
	c, err := s.Customer(t.Context(), company, id)
	must(t, err)
	equal(t, "customerId", c.CustomerID, id)
	equal(t, "version", c.Version, version)
	equal(t, "uniqueRefNo", c.Values[customer.UniqueRefNo].Text, ref)
	equal(t, "legalName", c.Values[customer.LegalName].Text, name)
}
