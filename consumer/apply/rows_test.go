package apply_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
)

var (
	at     = bulktest.At
	about  = bulktest.About
	create = bulktest.Create()
	name   = bulktest.Set(customer.LegalName, "Asha")
)

func state(s string) bulktest.RowOption  { return bulktest.Set(customer.State, s) }
func setRef(s string) bulktest.RowOption { return bulktest.Set(customer.UniqueRefNo, s) }

// TestRowsOfABatch says what becomes of rows, over customers 1 to 4 that hold R1
// to R4. Every case runs as one batch and row by row: the cut makes no difference.
func TestRowsOfABatch(t *testing.T) {
	row := bulktest.Row
	huge := bulktest.Set(customer.Address, strings.Repeat("x", 300<<10))
	cases := []struct {
		name    string
		rows    []bulk.Row
		results []string
		refs    map[int]string // of customers, where not R<n>
	}{
		{
			name:    "update_applies_and_again_is_unchanged",
			rows:    []bulk.Row{row(at(1, 0), state("Goa")), row(at(2, 1), state("Goa")), row(at(3, 2), state("Kerala"))},
			results: []string{"1 applied", "2 unchanged", "3 applied"},
		},
		{
			name:    "unknown_customer_is_not_found",
			rows:    []bulk.Row{row(at(1, 0), about(9), state("Goa")), row(at(2, 1), bulktest.ByRef("none"), state("Goa"))},
			results: []string{"1 failed NOT_FOUND", "2 failed NOT_FOUND"},
		},
		{
			name:    "customer_is_found_by_reference",
			rows:    []bulk.Row{row(at(1, 0), bulktest.ByRef("R2"), state("Goa")), row(at(2, 1), about(2), state("Goa"))},
			results: []string{"1 applied", "2 unchanged"},
		},
		{
			name:    "create_twice_in_a_batch_creates_once",
			rows:    []bulk.Row{row(at(1, 0), create, about(9), name), row(at(2, 1), create, about(9), name, state("Goa"))},
			results: []string{"1 applied", "2 failed ALREADY_EXISTS"},
		},
		{
			name:    "created_customer_can_be_updated_in_its_batch",
			rows:    []bulk.Row{row(at(1, 0), create, about(9), name, setRef("R9")), row(at(2, 1), bulktest.ByRef("R9"), state("Goa"))},
			results: []string{"1 applied", "2 applied"},
			refs:    map[int]string{9: "R9"},
		},
		{
			name:    "reference_of_another_is_refused_and_own_is_not",
			rows:    []bulk.Row{row(at(1, 0), about(1), setRef("R2")), row(at(2, 1), about(1), setRef("R1"), state("Goa"))},
			results: []string{"1 failed DUPLICATE_REFERENCE", "2 applied"},
		},
		{
			name:    "reference_given_up_can_be_taken",
			rows:    []bulk.Row{row(at(1, 0), about(1), bulktest.Clear(customer.UniqueRefNo)), row(at(2, 1), about(2), setRef("R1")), row(at(3, 2), about(3), setRef("R2"))},
			results: []string{"1 applied", "2 applied", "3 applied"},
			refs:    map[int]string{1: "", 2: "R1", 3: "R2"},
		},
		{
			name: "references_are_swapped_by_way_of_a_third",
			rows: []bulk.Row{
				row(at(1, 0), about(1), setRef("tmp")), row(at(2, 1), about(2), setRef("R1")),
				row(at(3, 2), about(1), setRef("R2")), row(at(4, 3), about(3), setRef("tmp")),
			},
			results: []string{"1 applied", "2 applied", "3 applied", "4 applied"},
			refs:    map[int]string{1: "R2", 2: "R1", 3: "tmp"},
		},
		{
			name: "reference_taken_back_is_held_again",
			rows: []bulk.Row{
				row(at(1, 0), about(1), setRef("x")), row(at(2, 1), about(1), setRef("R1")), row(at(3, 2), about(2), setRef("R1")),
				row(at(4, 3), about(2), setRef("x")),
			},
			results: []string{"1 applied", "2 applied", "3 failed DUPLICATE_REFERENCE", "4 applied"},
			refs:    map[int]string{2: "x"},
		},
		{
			name: "a_moved_reference_finds_its_new_holder",
			rows: []bulk.Row{
				row(at(1, 0), about(1), setRef("x")), row(at(2, 1), bulktest.ByRef("R1"), state("Goa")),
				row(at(3, 2), about(2), setRef("R1")), row(at(4, 3), bulktest.ByRef("R1"), state("Goa")), row(at(5, 4), bulktest.ByRef("x"), state("Goa")),
			},
			results: []string{"1 applied", "2 failed NOT_FOUND", "3 applied", "4 applied", "5 applied"},
			refs:    map[int]string{1: "x", 2: "R1"},
		},
		{
			name: "customer_known_by_id_and_by_reference_is_one",
			rows: []bulk.Row{
				row(at(1, 0), bulktest.ByRef("R1"), state("Goa")), row(at(2, 1), about(1), state("Kerala")),
				row(at(3, 2), bulktest.ByRef("R1"), state("Goa")), row(at(4, 3), about(2), setRef("R1")),
			},
			results: []string{"1 applied", "2 applied", "3 applied", "4 failed DUPLICATE_REFERENCE"},
		},
		{
			name: "customer_that_grows_too_large_stays_as_it_was",
			rows: []bulk.Row{
				row(at(1, 0), state("Goa")), row(at(2, 1), huge, setRef("big"), state("Kerala")), row(at(3, 2), about(2), setRef("big")),
				row(at(4, 3), state("Goa")), row(at(5, 4), about(3), setRef("R1")),
			},
			results: []string{"1 applied", "2 failed TOO_LONG", "3 applied", "4 unchanged", "5 failed DUPLICATE_REFERENCE"},
			refs:    map[int]string{2: "big"},
		},
		{
			name:    "created_customer_that_is_too_large_does_not_exist",
			rows:    []bulk.Row{row(at(1, 0), create, about(9), name, huge, setRef("R9")), row(at(2, 1), about(9), state("Goa")), row(at(3, 2), create, about(9), name)},
			results: []string{"1 failed TOO_LONG", "2 failed NOT_FOUND", "3 applied"},
			refs:    map[int]string{9: ""},
		},
		{
			name:    "create_that_names_no_customer_fails_alone",
			rows:    []bulk.Row{row(at(1, 0), create, bulktest.ByRef("none"), name), row(at(2, 1), create, func(r *bulk.Row) { r.CustomerID = "" }), row(at(3, 2), state("Goa"))},
			results: []string{"1 failed NOT_FOUND", "2 failed NOT_FOUND", "3 applied"},
		},
	}
	for _, c := range cases {
		for _, batch := range []int{100, 1} {
			t.Run(fmt.Sprintf("%s/batches_of_%d", c.name, batch), func(t *testing.T) {
				t.Parallel()
				inBubble(t, func(_ *testing.T, r *rig) {
					r.seed(4)
					r.rows = batch
					r.accept(bulktest.Upload)
					r.put(c.rows...)
					r.applyAll()
					r.wantResults(bulktest.Upload, c.results...)
					r.wantStory(c.refs)
				})
			})
		}
	}
}

// wantStory follows the changes of every customer to what is stored.
func (r *rig) wantStory(refs map[int]string) {
	r.t.Helper()
	docs, versions := map[string][]byte{}, map[string]int64{}
	for _, rec := range r.log.Records(bulk.TopicChanges) {
		var c bulk.Change
		if err := r.codec.DecodeChange(rec.Value, &c); err != nil {
			r.t.Fatal(err)
		}
		if c.Version != versions[c.CustomerID]+1 || !bytes.Equal(c.Before, docs[c.CustomerID]) {
			r.t.Errorf("change %d of %s does not follow version %d", c.Version, c.CustomerID, versions[c.CustomerID])
		}
		docs[c.CustomerID], versions[c.CustomerID] = c.After, c.Version
	}
	list, err := r.read.SearchCustomers(r.t.Context(), bulk.CustomerQuery{Company: bulktest.Company, Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(list) != len(docs) {
		r.t.Errorf("%d customers are stored and %d have changes", len(list), len(docs))
	}
	for i := range list {
		if !bytes.Equal(r.codec.AppendCustomer(nil, &list[i]), docs[list[i].CustomerID]) {
			r.t.Errorf("%s is not what its changes say", list[i].CustomerID)
		}
	}
	for n := 1; n <= 4; n++ {
		want, ok := refs[n]
		if !ok {
			want = ref(n)
		}
		if got := r.customer(n).Values[customer.UniqueRefNo].Text; got != want {
			r.t.Errorf("customer %d holds %q, want %q", n, got, want)
		}
	}
	if want, ok := refs[9]; ok && r.customer(9).Values[customer.UniqueRefNo].Text != want {
		r.t.Errorf("customer 9 does not hold %q", want)
	}
}

func TestUnchangedRowsWriteNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(2)
		before := r.customer(1)
		written := -1
		r.spy(func(_ *bulk.ApplyView, w *bulk.ApplyWrite) { written = len(w.Customers) })
		r.accept(bulktest.Upload)
		r.put(bulktest.Row(at(1, 0), name, bulktest.Amount(7), bulktest.Warned(customer.RepeatedRow)))
		r.applyAll()
		if written != 0 {
			t.Errorf("%d customers were written", written)
		}
		after := r.customer(1)
		if after.Version != before.Version || !after.UpdatedAt.Equal(before.UpdatedAt) {
			t.Errorf("the customer moved to version %d of %s", after.Version, after.UpdatedAt)
		}
		if n := len(r.changes(bulktest.Upload)); n != 0 {
			t.Errorf("there are %d changes", n)
		}
		res := r.results(bulktest.Upload)
		if len(res) != 1 || res[0].Amount.String() != "7" || len(res[0].Warnings) != 1 || res[0].CustomerID != bulktest.CustomerID(1) || res[0].Version != 1 {
			t.Errorf("the result is %+v", res)
		}
	})
}

func TestFailedRowsSumNoAmount(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload)
		r.put(bulktest.Row(at(1, 0), bulktest.Amount(7), state("Goa")))
		r.applyAll()
		if res := r.results(bulktest.Upload); len(res) != 1 || !res[0].Amount.IsZero() || res[0].Version != 0 {
			t.Errorf("the result is %+v", res)
		}
	})
}

func TestRowsOfACancelledUploadAreUnprocessed(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(1)
		r.lend(func(v *bulk.ApplyView) {
			for i := range v.Marks {
				v.Marks[i].Cancelled = true
			}
		})
		r.accept(bulktest.Upload)
		r.put(bulktest.Row(at(1, 0), state("Goa"), bulktest.Amount(5)), bulktest.Row(at(2, 1), about(9), state("Goa")))
		r.applyAll()
		r.wantResults(bulktest.Upload, "1 unprocessed", "2 unprocessed")
		if v := r.customer(1).Version; v != 1 {
			t.Errorf("the customer has version %d", v)
		}
	})
}
