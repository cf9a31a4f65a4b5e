package storetest

import (
	"fmt"
	"slices"
	"testing"

	"sluice/internal/bulk"
)

func searchChecks() []check {
	return []check{
		{"customers_are_listed_in_id_order_and_paged", searchPages},
		{"queries_restrict", searchQueries},
	}
}

func search(t *testing.T, s Store, q bulk.CustomerQuery) (ids []string) {
	t.Helper()
	found, err := s.SearchCustomers(t.Context(), q)
	must(t, err)
	for i := range found {
		ids = append(ids, found[i].CustomerID)
	}
	return ids
}

func searchPages(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	var edits []edit
	var want []string
	for i := range 50 {
		id := customerID(i * 37 % 50)
		edits = append(edits, edit{company: companyA, id: id, name: "Asha"}, edit{company: companyB, id: id, name: "Asha"})
		want = append(want, customerID(i))
	}
	must(t, o.edit(t.Context(), edits...))
	for _, prefix := range []string{"", "As"} {
		var got []string
		q := bulk.CustomerQuery{Company: companyA, NamePrefix: prefix, Limit: 7}
		for {
			page := search(t, s, q)
			got = append(got, page...)
			if len(page) < q.Limit {
				break
			}
			q.After = page[len(page)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages with prefix %q are %v, want %v", prefix, got, want)
		}
	}
}

func searchQueries(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	names := []string{"Asha", "Ashok", "asha", "As%a", "Bela", "Äsha", "As_a", "Asß", ""}
	var edits []edit
	for i, name := range names {
		edits = append(edits, edit{company: companyA, id: customerID(i), ref: fmt.Sprint("r", i), name: name})
	}
	edits = append(edits, edit{company: companyB, id: customerID(0), ref: "r0", name: "Asha"})
	must(t, o.edit(t.Context(), edits...))
	for name, c := range map[string]struct {
		q    bulk.CustomerQuery
		want []int
	}{
		"by_id":            {bulk.CustomerQuery{CustomerID: customerID(4)}, []int{4}},
		"by_ref":           {bulk.CustomerQuery{Ref: "r0"}, []int{0}},
		"by_prefix":        {bulk.CustomerQuery{NamePrefix: "Ash"}, []int{0, 1}},
		"by_short_prefix":  {bulk.CustomerQuery{NamePrefix: "As"}, []int{0, 1, 3, 6, 7}},
		"by_wildcards":     {bulk.CustomerQuery{NamePrefix: "As%"}, []int{3}},
		"by_underscore":    {bulk.CustomerQuery{NamePrefix: "As_"}, []int{6}},
		"by_other_letters": {bulk.CustomerQuery{NamePrefix: "Ä"}, []int{5}},
		"by_whole_name":    {bulk.CustomerQuery{NamePrefix: "Bela"}, []int{4}},
		"by_all_at_once":   {bulk.CustomerQuery{CustomerID: customerID(1), Ref: "r1", NamePrefix: "A"}, []int{1}},
		"by_contradiction": {bulk.CustomerQuery{CustomerID: customerID(1), Ref: "r2"}, nil},
		"by_nothing_there": {bulk.CustomerQuery{Ref: "R0"}, nil},
		"after_the_second": {bulk.CustomerQuery{NamePrefix: "As", After: customerID(1)}, []int{3, 6, 7}},
	} {
		c.q.Company, c.q.Limit = companyA, 100
		got := search(t, s, c.q)
		var want []string
		for _, i := range c.want {
			want = append(want, customerID(i))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", name, got, want)
		}
	}
}
