package storetest

import (
	"testing"

	"sluice/internal/customer"
)

func referenceChecks() []check {
	return []check{
		{"customer_is_found_by_reference", byReference},
		{"references_differ_by_case", referenceCase},
		{"references_swap_within_a_batch", swapReferences},
		{"references_move_along_a_chain", chainReferences},
		{"reference_given_up_can_be_taken_in_the_same_batch", takeReference},
		{"customers_without_reference_do_not_collide", noReferences},
	}
}

func byReference(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r1", name: "Asha"},
		edit{company: companyA, id: customerID(2), ref: "r2", name: "Bela"}, edit{company: companyA, id: customerID(3), name: "Chetan"}))
	must(t, o.edit(t.Context(), edit{company: companyA, key: "r2", name: "Bela 2"}, edit{company: companyA, id: customerID(3), ref: "r3"},
		edit{company: companyA, key: "r1", name: "Asha 2"}))
	must(t, o.edit(t.Context(), edit{company: companyA, key: "r3", name: "Chetan 2"}))
	has(t, s, companyA, customerID(1), 2, "r1", "Asha 2")
	has(t, s, companyA, customerID(2), 2, "r2", "Bela 2")
	has(t, s, companyA, customerID(3), 3, "r3", "Chetan 2")
}

func referenceCase(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "ab", name: "Asha"},
		edit{company: companyA, id: customerID(2), ref: "AB", name: "Bela"}, edit{company: companyA, id: customerID(3), ref: "ab ", name: "Chetan"}))
	must(t, o.edit(t.Context(), edit{company: companyA, key: "AB", name: "Bela 2"}))
	has(t, s, companyA, customerID(2), 2, "AB", "Bela 2")
	wantErr(t, o.edit(t.Context(), edit{company: companyA, key: "Ab"}), errNoReference)
}

func swapReferences(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r1"}, edit{company: companyA, id: customerID(2), ref: "r2"}))
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r2"}, edit{company: companyA, id: customerID(2), ref: "r1"}))
	has(t, s, companyA, customerID(1), 2, "r2", "")
	has(t, s, companyA, customerID(2), 2, "r1", "")
	progress(t, s, updates(0), progressAfter(o))
	must(t, o.edit(t.Context(), edit{company: companyA, key: "r1", name: "Bela"}))
	has(t, s, companyA, customerID(2), 3, "r1", "Bela")
}

func chainReferences(t *testing.T, s Store) {
	const customers = 40
	o := newOwner(t, s, 0)
	first, second := make([]edit, customers), make([]edit, customers)
	for i := range customers {
		first[i] = edit{company: companyA, id: customerID(i), ref: customerID(i)}
		second[i] = edit{company: companyA, id: customerID(i), ref: customerID((i + 1) % customers), name: "Asha"}
	}
	second[customers-1].ref = "free"
	must(t, o.edit(t.Context(), first...))
	must(t, o.edit(t.Context(), second...))
	for i := range customers {
		has(t, s, companyA, customerID(i), 2, second[i].ref, "Asha")
	}
}

func takeReference(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r"}))
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(2), ref: "r"}, edit{company: companyA, id: customerID(1), ref: "-"}))
	has(t, s, companyA, customerID(1), 2, "", "")
	has(t, s, companyA, customerID(2), 1, "r", "")
	c, err := s.Customer(t.Context(), companyA, customerID(1))
	must(t, err)
	equal(t, "reference is set", c.Values[customer.UniqueRefNo].Set, false)
}

func noReferences(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "r1"}, edit{company: companyA, id: customerID(2), ref: "r2"},
		edit{company: companyA, id: customerID(3)}))
	must(t, o.edit(t.Context(), edit{company: companyA, id: customerID(1), ref: "-"}, edit{company: companyA, id: customerID(2), ref: "-"}))
	has(t, s, companyA, customerID(1), 2, "", "")
	has(t, s, companyA, customerID(2), 2, "", "")
	wantErr(t, o.edit(t.Context(), edit{company: companyA, key: "r1"}), errNoReference)
}
