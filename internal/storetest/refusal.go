package storetest

import (
	"errors"
	"fmt"
	"testing"

	"sluice/internal/bulk"
)

func refusalChecks() []check {
	return []check{
		{"held_reference_is_narrowed_down", refuseReference},
		{"two_new_holders_of_a_reference_leave_one_refused", refuseSecond},
		{"too_long_a_document_is_narrowed_down", refuseLong},
		{"all_refused_customers_are_named_at_once", refuseMany},
		{"refusal_leaves_nothing_behind", refusalIsWhole},
	}
}

// refused returns the refusal of err by customerId.
func refused(t *testing.T, err error) map[string]bulk.RefusedCustomer {
	t.Helper()
	var r *bulk.RefusedError
	if !errors.As(err, &r) {
		t.Fatalf("error is %v, want a refusal", err)
	}
	by := map[string]bulk.RefusedCustomer{}
	for _, c := range r.Customers {
		equal(t, "company", c.Company, companyA)
		if c.Reason == "" {
			t.Error("a refusal has no reason")
		}
		by[c.CustomerID] = c
	}
	equal(t, "refused customers without repeats", len(by), len(r.Customers))
	return by
}

func refuseReference(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r"}, edit{company: companyA, id: customerID(2)}))
	by := refused(t, o.edit(t.Context(), edit{company: companyA, id: customerID(2), ref: "r"}, edit{company: companyA, id: customerID(3), ref: "s"}))
	equal(t, "refused", len(by), 1)
	equal(t, "is a duplicate reference", by[customerID(2)].IsDuplicateRef, true)
	_, err := s.Customer(t.Context(), companyA, customerID(3))
	wantErr(t, err, bulk.ErrNotFound)
	by = refused(t, o.edit(t.Context(), edit{company: companyA, id: customerID(4), ref: "r"}))
	equal(t, "new customer is a duplicate", by[customerID(4)].IsDuplicateRef, true)
	must(t, o.edit(t.Context(), edit{company: companyB, id: customerID(4), ref: "r"}))
}

func refuseSecond(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	by := refused(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r"},
		edit{company: companyA, id: customerID(2), ref: "s"}, edit{company: companyA, id: customerID(3), ref: "r"}))
	equal(t, "refused", len(by), 1)
	for _, c := range by {
		equal(t, "is a duplicate reference", c.IsDuplicateRef, true)
	}
}

func refuseLong(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), name: "Asha"},
		edit{company: companyA, id: customerID(2), size: MaxDocBytes * 9 / 10}))
	by := refused(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), size: MaxDocBytes + 1},
		edit{company: companyA, id: customerID(2), name: "Bela"}, edit{company: companyA, id: customerID(3), size: MaxDocBytes + 1}))
	equal(t, "refused", len(by), 2)
	for _, id := range []string{customerID(1), customerID(3)} {
		c, ok := by[id]
		equal(t, "refused "+id, ok, true)
		equal(t, "is a duplicate reference", c.IsDuplicateRef, false)
	}
	has(t, s, companyA, customerID(1), 1, "", "Asha")
}

func refuseMany(t *testing.T, s Store) {
	const customers = 60
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1000), ref: "held"}))
	edits := make([]edit, customers)
	for i := range edits {
		edits[i] = edit{company: companyA, id: customerID(i), ref: fmt.Sprint("r", i)}
		if i%20 == 7 {
			edits[i].ref = "held"
		}
		if i%20 == 13 {
			edits[i].size = MaxDocBytes + 1
		}
	}
	by := refused(t, o.edit(t.Context(), edits...))
	equal(t, "refused", len(by), 6)
	var rest []edit
	for _, e := range edits {
		if _, isRefused := by[e.id]; !isRefused {
			rest = append(rest, e)
		}
	}
	must(t, o.edit(t.Context(), rest...))
	has(t, s, companyA, customerID(8), 1, "r8", "")
}

func refusalIsWhole(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	u := running(t, s, companyA, 9, 1)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r"}))
	before := progressAfter(o)
	bad := edit{company: companyA, id: customerID(2), ref: "r"}
	good := edit{company: companyA, id: customerID(3), ref: "s"}
	err := o.apply(t.Context(), bulk.ApplyBatch{Uploads: []string{u.ID}, Published: 1}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w := &bulk.ApplyWrite{Journal: []byte("j"), Marks: []bulk.MarkMove{{Upload: u.ID, To: 5}}}
		for i, e := range []edit{good, bad} {
			one, err := e.over(bulk.StoredCustomer{}, i)
			if err != nil {
				return nil, err
			}
			w.Customers = append(w.Customers, one)
		}
		return w, nil
	})
	refused(t, err)
	progress(t, s, o.source, before)
	equal(t, "mark", o.mark(t, u.ID).Last, 0)
	rows, err := s.Unpublished(t.Context(), o.source, 1, 10)
	must(t, err)
	equal(t, "journal rows of the refused batch", len(rows), 0)
}

// progressAfter is what the store holds of the owner's source, nothing published.
func progressAfter(o *owner) bulk.Progress { return bulk.Progress{Next: o.next, Seq: o.seq} }
