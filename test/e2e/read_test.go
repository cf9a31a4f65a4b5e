package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// TestUploadsAreListedNewestFirst by pages, of all companies or one.
func TestUploadsAreListedNewestFirst(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		var mine, all []string
		for n := range 17 {
			of := company
			if n%3 == 0 {
				of = another
			}
			id := s.create(lines("customerId,legalName", customerID(n)+",Name"), of).uploadID
			all = append([]string{id}, all...)
			if of == company {
				mine = append([]string{id}, mine...)
			}
		}
		ids := func(list []listed) (ids []string) {
			for _, u := range list {
				ids = append(ids, u.UploadID)
			}
			return ids
		}
		if got := ids(s.uploads("")); !slices.Equal(got, all) {
			t.Errorf("the list is %v, want %v", got, all)
		}
		if got := ids(s.uploads(company)); !slices.Equal(got, mine) {
			t.Errorf("the company's list is %v, want %v", got, mine)
		}
		if got := ids(s.uploads("CEKNOBODY1")); len(got) > 0 {
			t.Errorf("the list of a company that there is not is %v", got)
		}
	})
}

// TestSearchFindsCustomers by each condition and by pages.
func TestSearchFindsCustomers(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		file := "customerId,uniqueRefNo,legalName\n"
		for n := range 45 {
			file += fmt.Sprintf("%s,R-%d,Name %02d\n", customerID(n), n, n)
		}
		s.create(file + customerID(100) + ",r-1,100%_name\n" + customerID(101) + ",,name 1\n")
		search := func(body map[string]any) (ids []string, next *string) {
			t.Helper()
			body["companyId"] = company
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			var page struct {
				Customers []map[string]any
				Next      *string
			}
			s.postJSON(searchPath, string(raw)).want(t, 200).payload(t, &page)
			for _, c := range page.Customers {
				ids = append(ids, fmt.Sprint(c["customerId"]))
			}
			return ids, page.Next
		}
		for _, c := range []struct {
			name string
			body map[string]any
			want []string
		}{
			{"by_id", map[string]any{"customerId": customerID(7)}, []string{customerID(7)}},
			{"by_reference", map[string]any{"uniqueRefNo": "R-1"}, []string{customerID(1)}},
			{"reference_in_another_case", map[string]any{"uniqueRefNo": "r-1"}, []string{customerID(100)}},
			{"by_name", map[string]any{"legalName": "Name 1"}, []string{customerID(10), customerID(11), customerID(12), customerID(13), customerID(14), customerID(15), customerID(16), customerID(17), customerID(18), customerID(19)}},
			{"name_with_wildcards", map[string]any{"legalName": "100%_"}, []string{customerID(100)}},
			{"wildcards_match_themselves", map[string]any{"legalName": "N%"}, nil},
			{"all_conditions_hold", map[string]any{"customerId": customerID(7), "uniqueRefNo": "R-8"}, nil},
			{"two_conditions", map[string]any{"legalName": "Name", "uniqueRefNo": "R-8"}, []string{customerID(8)}},
			{"nobody", map[string]any{"customerId": customerID(999)}, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				if got, next := search(c.body); !slices.Equal(got, c.want) || next != nil {
					t.Errorf("found %v and more %v, want %v", got, next, c.want)
				}
			})
		}
		page, next := search(map[string]any{})
		if len(page) != 20 || next == nil || page[0] != customerID(0) {
			t.Errorf("without a limit a page has %d customers", len(page))
		}
		if got := s.customers(company); len(got) != 47 {
			t.Errorf("all pages have %d customers, want 47", len(got))
		}
		page, next = search(map[string]any{"limit": 47})
		if len(page) != 47 || next != nil || !slices.IsSorted(page) {
			t.Errorf("a page of 47 has %d, more %v: %v", len(page), next, page)
		}
	})
}

// TestRestartKeepsEverything reads the same before and after.
func TestRestartKeepsEverything(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		r := s.create(manyRows(100))
		before, file := s.snapshot(company), s.file(r.SuccessFileURL)
		s.Restart()
		if changes := before.diff(s.snapshot(company)); len(changes) > 0 {
			t.Errorf("after a restart: %v", changes)
		}
		if got := s.file(r.SuccessFileURL); got != file {
			t.Error("the address of a file gives another file after a restart")
		}
	})
}
