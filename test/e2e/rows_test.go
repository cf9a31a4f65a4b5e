package e2e_test

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// failures are the codes of each failed row.
func (r *response) failures(t *testing.T) map[int]string {
	t.Helper()
	codes := map[int]string{}
	for _, f := range r.FailureRequests {
		row, _ := f["row"].(float64)
		codes[int(row)] = f.codes(t, "errors")
	}
	return codes
}

// wantCounts checks the counts of a response.
func (r *response) wantCounts(t *testing.T, success, failure, warn int64) {
	t.Helper()
	if r.Success != success || r.Failure != failure || r.Warn != warn || r.Total != success+failure {
		t.Errorf("of %d rows %d succeeded, %d failed and %d have warnings, want %d, %d and %d: %s",
			r.Total, r.Success, r.Failure, r.Warn, success, failure, warn, r.raw)
	}
}

// TestCreateMakesCustomers with and without a customerId.
func TestCreateMakesCustomers(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		reminders := `[{"customerReminderId":"R1","dueDateDifference":-3,"reminderInterval":1,"reminderTime":"09:30","reminderType":"ONCE","stage":"BEFORE_DUE"}]`
		s.create(lines("Customer_ID,unique ref no,LEGAL-NAME,ifsc,branchCodes,customerReminders",
			customerID(1)+`,R1, One ,hdfc0001234,A; B|C,"`+strings.ReplaceAll(reminders, `"`, `""`)+`"`,
			`KC0000000000000Z,R2,Two,,,`))
		got := s.customer(company, customerID(1))
		for field, want := range map[string]any{
			"customerId": customerID(1), "uniqueRefNo": "R1", "legalName": "One", "ifsc": "HDFC0001234", "version": 1.0,
			"branchCodes": []any{"A", "B", "C"}, "accountNumber": nil, "state": nil,
			"customerReminders": []any{map[string]any{
				"customerReminderId": "R1", "dueDateDifference": -3.0, "reminderInterval": 1.0,
				"reminderTime": "09:30", "reminderType": "ONCE", "stage": "BEFORE_DUE",
			}},
		} {
			if !reflect.DeepEqual(got[field], want) {
				t.Errorf("%s is read back as %v, want %v", field, got[field], want)
			}
		}

		made := s.create(lines("uniqueRefNo,legalName", "R3,Three", "R4,Four"))
		rows := strings.Split(s.file(made.SuccessFileURL), "\n")
		for i, name := range []string{"Three", "Four"} {
			id := strings.Split(rows[i+1], ",")[7]
			if c := s.customer(company, id); c["legalName"] != name || len(id) != 16 || !strings.HasPrefix(id, "KC") {
				t.Errorf("the customer of _customerId %q is %v, want %s", id, c["legalName"], name)
			}
		}

		bad := s.apply(upload{isCreate: true, file: lines("customerId,uniqueRefNo,legalName",
			customerID(1)+",R9,Again",  // exists
			customerID(5)+",R1,Five",   // the reference is One's
			customerID(6)+",R6,",       // no name
			customerID(7)+",R7,#NULL",  // likewise
			",R8,Nobody",               // the identity is empty
			customerID(8)+",R8,Eight",  // good
			customerID(8)+",R8,Eight2", // exists by now
			"KC1,R10,Ten",
		)})
		bad.wantCounts(t, 1, 7, 1)
		want := map[int]string{1: "ALREADY_EXISTS", 2: "DUPLICATE_REFERENCE", 3: "REQUIRED", 4: "REQUIRED", 5: "REQUIRED", 7: "ALREADY_EXISTS", 8: "INVALID_FORMAT"}
		if got := bad.failures(t); !reflect.DeepEqual(got, want) {
			t.Errorf("rows fail with %v, want %v", got, want)
		}
		if c := s.customer(company, customerID(1)); c["legalName"] != "One" || c["version"] != 1.0 {
			t.Errorf("create changed a customer: %v", c)
		}
		nameless := s.apply(upload{isCreate: true, file: lines("customerId", customerID(30))})
		if got := nameless.failures(t)[1]; got != "REQUIRED" {
			t.Errorf("without a column for legalName a row fails with %q", got)
		}
	})
}

// TestUpdateFindsCustomersByReference and may change the reference where the
// customerId identifies.
func TestUpdateFindsCustomersByReference(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,uniqueRefNo,legalName", customerID(1)+",R1,One", customerID(2)+",R2,Two", customerID(3)+",,Three"))
		r := s.apply(upload{file: lines("uniqueRefNo,state", "R1,Goa", "r1,Goa", "R3,Goa", ",Goa", "R2,Kerala")})
		r.wantCounts(t, 2, 3, 0)
		if got, want := r.failures(t), map[int]string{2: "NOT_FOUND", 3: "NOT_FOUND", 4: "REQUIRED"}; !reflect.DeepEqual(got, want) {
			t.Errorf("rows fail with %v, want %v", got, want)
		}
		if got := r.SuccessRequests[0]["customerId"]; got != customerID(1) {
			t.Errorf("the sample names customer %v, want the one found", got)
		}
		if c := s.customer(company, customerID(2)); c["state"] != "Kerala" || c["version"] != 2.0 {
			t.Errorf("customer 2 is %v", c)
		}
		r = s.apply(upload{file: lines("customerId,uniqueRefNo", customerID(1)+",R2", customerID(2)+",R2", customerID(3)+",R3")})
		r.wantCounts(t, 2, 1, 0)
		if got := r.failures(t)[1]; got != "DUPLICATE_REFERENCE" {
			t.Errorf("another's reference fails with %q", got)
		}
		s.apply(upload{file: lines("uniqueRefNo,state", "R3,Assam")}).wantCounts(t, 1, 0, 0)
		s.apply(upload{file: lines("customerId,uniqueRefNo", customerID(2)+",#NULL")}).wantCounts(t, 1, 0, 0)
		s.apply(upload{file: lines("customerId,uniqueRefNo", customerID(1)+",R2")}).wantCounts(t, 1, 0, 0)
	})
}

// TestEmptyCellsLeaveOrClear is emptyCells, #NULL and the required field.
func TestEmptyCellsLeaveOrClear(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName,state,address,branchCodes", customerID(1)+",One,Goa,Road,A;B"))
		read := func() string {
			c := s.customer(company, customerID(1))
			return fmt.Sprint(c["legalName"], "|", c["state"], "|", c["address"], "|", c["branchCodes"], "|", c["version"])
		}
		apply := func(options url.Values, cells, want string) *response {
			t.Helper()
			r := s.apply(upload{options: options, file: lines("customerId,legalName,state,branchCodes", customerID(1)+","+cells)})
			if got := read(); got != want {
				t.Errorf("after %s with %v the customer is %s, want %s", cells, options, got, want)
			}
			return r
		}
		clearing := url.Values{"emptyCells": {"clear"}}
		apply(nil, ",,", "One|Goa|Road|[A B]|1")
		apply(url.Values{"emptyCells": {"leave"}}, ", ,", "One|Goa|Road|[A B]|1")
		apply(nil, ",#NULL,", "One|<nil>|Road|[A B]|2")
		apply(nil, ",#NULL,", "One|<nil>|Road|[A B]|2").wantCounts(t, 1, 0, 0)
		apply(clearing, "Uno,,", "Uno|<nil>|Road|<nil>|3")
		if r := apply(clearing, ",Goa,A", "Uno|<nil>|Road|<nil>|3"); r.failures(t)[1] != "REQUIRED" {
			t.Errorf("clearing the name by an empty cell fails with %v", r.failures(t))
		}
		if r := apply(nil, "#NULL,Goa,A", "Uno|<nil>|Road|<nil>|3"); r.failures(t)[1] != "REQUIRED" {
			t.Errorf("clearing the name by #NULL fails with %v", r.failures(t))
		}
		apply(nil, "#null,Goa,A", "#null|Goa|Road|[A]|4")
	})
}

// TestUnchangedRowsLeaveNoTrace: version and updatedAt stay and there is no event.
func TestUnchangedRowsLeaveNoTrace(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName,ifsc,state", customerID(1)+",One,HDFC0001234,Goa"))
		before := s.customer(company, customerID(1))
		r := s.apply(upload{file: lines("customerId,legalName,ifsc,state,outstandingAmount", customerID(1)+",  One ,hdfc0001234,,7.25")})
		if c := s.status(r.uploadID).Upload.Counters; c.Unchanged != 1 || r.Success != 1 || r.outcome != "complete" || r.Amount != "7.25" {
			t.Errorf("the row counts as %+v: %s", c, r.raw)
		}
		if got := r.SuccessRequests[0]["status"]; got != "unchanged" {
			t.Errorf("the sample's status is %v", got)
		}
		if after := s.customer(company, customerID(1)); !reflect.DeepEqual(before, after) {
			t.Errorf("the customer was %v and is %v", before, after)
		}
		if events := s.events("customer.changes", r.uploadID); len(events) > 0 {
			t.Errorf("customer.changes has %d events of the upload", len(events))
		}
	})
}

// TestRepeatedRowsFollowTheRule is onRepeat, also after a first row that failed.
func TestRepeatedRowsFollowTheRule(t *testing.T) {
	file := lines("customerId,state,pinCode",
		customerID(1)+",A,", customerID(2)+",A,bad", customerID(1)+",B,", customerID(1)+",B,", customerID(2)+",B,", customerID(1)+",C,")
	for _, c := range []struct {
		rule             string
		success, failure int64
		failed           map[int]string
		states           string
		versions         string
	}{
		{"", 5, 1, map[int]string{2: "INVALID_FORMAT"}, "C B", "4 2"},
		{"lastWins", 5, 1, map[int]string{2: "INVALID_FORMAT"}, "C B", "4 2"},
		{"firstWins", 5, 1, map[int]string{2: "INVALID_FORMAT"}, "A <nil>", "2 1"},
		{"reject", 1, 5, map[int]string{2: "INVALID_FORMAT", 3: "REPEATED_ROW", 4: "REPEATED_ROW", 5: "REPEATED_ROW", 6: "REPEATED_ROW"}, "A <nil>", "2 1"},
	} {
		t.Run("rule_"+c.rule, func(t *testing.T) {
			onEach(t, func(t *testing.T, b backend) {
				s := start(t, b)
				s.create(lines("customerId,legalName", customerID(1)+",One", customerID(2)+",Two"))
				u := upload{file: file, options: url.Values{}}
				warn := int64(4)
				if c.rule != "" {
					u.options.Set("onRepeat", c.rule)
				}
				if c.rule == "reject" {
					warn = 0
				}
				r := s.apply(u)
				r.wantCounts(t, c.success, c.failure, warn)
				if got := r.failures(t); !reflect.DeepEqual(got, c.failed) {
					t.Errorf("rows fail with %v, want %v", got, c.failed)
				}
				one, two := s.customer(company, customerID(1)), s.customer(company, customerID(2))
				if got := fmt.Sprint(one["state"], " ", two["state"]); got != c.states {
					t.Errorf("the states are %s, want %s", got, c.states)
				}
				if got := fmt.Sprint(one["version"], " ", two["version"]); got != c.versions {
					t.Errorf("the versions are %s, want %s", got, c.versions)
				}
			})
		})
	}
}

// TestI5RowsOfOneCustomerApplyInOrder is I5, within a file and from one to the next.
func TestI5RowsOfOneCustomerApplyInOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName", customerID(1)+",One", customerID(2)+",Two"))
		const rows = 600
		for n := range 3 {
			file := "customerId,state\n"
			for i := range rows {
				file += fmt.Sprintf("%s,%d-%d\n", customerID(1+i%2), n, i)
			}
			s.apply(upload{file: file}).wantCounts(t, rows, 0, rows-2)
		}
		for n := range 2 {
			c := s.customer(company, customerID(1+n))
			if want := fmt.Sprintf("2-%d", rows-2+n); c["state"] != want || c["version"] != 1.0+3*rows/2 {
				t.Errorf("customer %d is at %v, version %v, want %s and %d", n+1, c["state"], c["version"], want, 1+3*rows/2)
			}
		}
	})
}

// TestI10CompaniesAreApart is I10: two companies hold the same customerIds and references.
func TestI10CompaniesAreApart(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		file := lines("customerId,uniqueRefNo,legalName", customerID(1)+",R1,One", customerID(2)+",R2,Two")
		mine, theirs := s.create(file), s.create(file, another)
		key := headers("Idempotency-Key", "of the first company")
		changed := s.apply(upload{file: lines("customerId,uniqueRefNo,legalName", customerID(1)+",R3,SECRET", customerID(7)+",R1,SECRET"), header: key})
		changed.wantCounts(t, 1, 1, 0)
		if c := s.customer(another, customerID(1)); c["legalName"] != "One" || c["uniqueRefNo"] != "R1" || c["version"] != 1.0 {
			t.Errorf("the other company's customer is %v", c)
		}
		s.apply(upload{company: another, file: lines("uniqueRefNo,state", "R1,Goa")}).wantCounts(t, 1, 0, 0)
		s.apply(upload{company: another, file: lines("uniqueRefNo,state", "R3,Goa")}).wantCounts(t, 0, 1, 0)
		var ids []string
		for _, u := range s.uploads(another) {
			ids = append(ids, u.UploadID)
		}
		if slices.Contains(ids, mine.uploadID) || slices.Contains(ids, changed.uploadID) || !slices.Contains(ids, theirs.uploadID) || len(ids) != 3 {
			t.Errorf("the other company sees uploads %v", ids)
		}
		if found := s.postJSON(searchPath, `{"companyId":"`+another+`","legalName":"SECRET"}`); strings.Contains(string(found.body), "SECRET") {
			t.Errorf("the other company finds %s", found.body)
		}
		for _, e := range s.events("customer.changes", changed.uploadID) {
			if !strings.HasPrefix(string(e.Key), company+"/") || e.text("companyId") != company {
				t.Errorf("a change is keyed %s and of %s", e.Key, e.text("companyId"))
			}
		}
		if log := s.log.String(); strings.Contains(log, "SECRET") || strings.Contains(log, customerID(7)) {
			t.Error("the log has contents of rows")
		}
		if page := string(s.get("/metrics").body); strings.Contains(page, company) || strings.Contains(page, mine.uploadID) {
			t.Error("the metrics name a company or an upload")
		}
	})
}
