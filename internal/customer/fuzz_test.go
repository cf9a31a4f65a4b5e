package customer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/internal/customer"
)

// FuzzJudge holds that any header and row get a verdict that can be stored and
// sent: bounded, valid text, known codes, and nothing asked for by a bad row.
func FuzzJudge(f *testing.F) {
	f.Add("customerId\tlegalName\tbranchCodes\tcustomerReminders", goodID+"\tA\tx;y\t[{}]", true, true)
	f.Add("_row\tunique ref no\tPin-Code\toutstandingAmount", "1\t'R1\t56001\t-1.5", false, false)
	f.Add("customerId\tpanOrGstin\tcontactNumber", "KC\t27AAPFU0939F1ZO\t9.8E+09\t\xff", false, true)
	f.Fuzz(func(t *testing.T, header, row string, create, clearEmpty bool) {
		c, err := customer.ParseHeader(strings.Split(header, "\t"))
		if err != nil {
			return
		}
		cells := cellsOf(row)
		var out customer.Judged
		c.Judge(cells, customer.Options{Create: create, ClearEmpty: clearEmpty}, &out)
		if out.Identity != string(c.IdentityCell(cells)) {
			t.Fatalf("identity %q, cell %q", out.Identity, c.IdentityCell(cells))
		}
		for _, list := range [][]customer.Issue{out.Errors, out.Warnings} {
			checkIssues(t, list)
		}
		if !out.OK() {
			if out.Changes.Touched() != 0 || out.HasAmount {
				t.Fatalf("a bad row asks for %v", out.Changes.Touched())
			}
			return
		}
		var stored customer.Customer
		stored.Apply(&out.Changes)
		if again := stored.Apply(&out.Changes); again != 0 {
			t.Fatalf("applied again it changes %v", again)
		}
		if create && !stored.Values[customer.LegalName].Set {
			t.Fatal("created without a name")
		}
		if text := stored.AppendJSON(nil); !json.Valid(text) || !utf8.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
	})
}

func checkIssues(t *testing.T, list []customer.Issue) {
	t.Helper()
	last := -1
	for _, i := range list {
		if !i.Code.Known() || i.Message == "" || utf8.RuneCountInString(i.Rejected) > 256 {
			t.Fatalf("issue %+v", i)
		}
		if !utf8.ValidString(i.Rejected) || !utf8.ValidString(i.Message) || strings.Contains(i.Rejected, "\x00") {
			t.Fatalf("issue is not storable: %+v", i)
		}
		if i.Column >= 0 && i.Column < last {
			t.Fatalf("issues out of column order: %+v", list)
		}
		last = max(last, i.Column)
	}
}

// FuzzReminders holds that what is accepted is JSON that reads the same.
func FuzzReminders(f *testing.F) {
	f.Add(`[{"customerReminderId":"R1","dueDateDifference":-3,"reminderTime":"09:30","reminderType":"ONCE"}]`)
	f.Add(`[{},{"stage":"x",}]`)
	f.Fuzz(func(t *testing.T, cell string) {
		cell = strings.TrimSpace(cell)
		if cell == "" || cell == customer.Null || strings.ContainsAny(cell, "\t\x00") {
			return
		}
		out := judge(t, "customerId\tcustomerReminders", goodID+"\t"+cell, customer.Options{})
		if !out.OK() {
			return
		}
		var list []customer.Reminder
		if err := json.Unmarshal([]byte(cell), &list); err != nil {
			t.Fatalf("accepted %q: %v", cell, err)
		}
		if got := out.Changes[customer.CustomerReminders].Value.Reminders; len(got) != len(list) {
			t.Fatalf("%d reminders, want %d", len(got), len(list))
		}
	})
}
