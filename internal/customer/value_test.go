package customer_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/customer"
)

func TestApplyReportsWhatChanged(t *testing.T) {
	t.Parallel()
	var c customer.Customer
	step := func(header, row, want string) {
		t.Helper()
		got := judge(t, "customerId\t"+header, goodID+"\t"+row, customer.Options{})
		if changed := c.Apply(&got.Changes).String(); changed != want {
			t.Errorf("%s=%s changed %q, want %q", header, row, changed, want)
		}
	}
	step("legalName\tbranchCodes\tifsc", "Asha\ta;b\thdfc0001234", "ifsc,legalName,branchCodes")
	step("legalName\tbranchCodes\tifsc", " Asha \ta | b\tHDFC0001234", "")
	step("branchCodes", "b;a", "branchCodes")
	step("branchCodes\tstate", "#NULL\t#NULL", "branchCodes")
	step("customerReminders", `[{"stage":"x"}]`, "customerReminders")
	step("customerReminders", `[{"stage":"x","reminderTime":null}]`, "")
	step("customerReminders", `[]`, "customerReminders")
	var empty customer.Customer
	if d := c.Differences(&empty).String(); d != "ifsc,legalName" {
		t.Errorf("differences = %q", d)
	}
	if c.TextBytes() != len("AshaHDFC0001234") {
		t.Errorf("text bytes = %d", c.TextBytes())
	}
}

func TestCustomerReadsBackFlat(t *testing.T) {
	t.Parallel()
	row := judge(t, "customerId\tlegalName\tbranchCodes\tcustomerReminders",
		goodID+"\tA \"B\" \\ é\x01\n<x>\ta;b\t"+`[{"customerReminderId":"R1","dueDateDifference":-3,"stage":"s"}]`, customer.Options{})
	c := customer.Customer{CustomerID: goodID, Version: 7, UpdatedAt: time.Date(2024, 5, 6, 7, 8, 9, 10_999_999, time.FixedZone("IST", 19800))}
	c.Apply(&row.Changes)
	var got map[string]any
	if err := json.Unmarshal(c.AppendJSON(nil), &got); err != nil {
		t.Fatalf("%v: %s", err, c.AppendJSON(nil))
	}
	want := map[string]any{
		"customerId": goodID, "version": 7.0, "updatedAt": "2024-05-06T01:38:09.010Z",
		"legalName": "A \"B\" \\ é\x01\n<x>", "branchCodes": []any{"a", "b"},
		"customerReminders": []any{map[string]any{
			"customerReminderId": "R1", "dueDateDifference": -3.0,
			"reminderInterval": 0.0, "reminderTime": "", "reminderType": "", "stage": "s",
		}},
	}
	for _, s := range customer.Specs() {
		if _, set := want[s.Name]; !set {
			want[s.Name] = nil
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTablesAreWhole(t *testing.T) {
	t.Parallel()
	var names []string
	for i, s := range customer.Specs() {
		f, ok := customer.FieldByName(s.Name)
		if int(s.Field) != i || f != s.Field || !ok || s.Rule == "" || s.Example == "" || s.OnCreate == "" || s.OnUpdate == "" {
			t.Errorf("spec %d: %+v", i, s)
		}
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "uniqueRefNo accountNumber ifsc contactNumber legalName panOrGstin pinCode state address assignedAgent branchCodes customerReminders" {
		t.Errorf("fields: %s", got)
	}
	seen := map[customer.Code]bool{}
	for _, c := range customer.Codes() {
		if seen[c.Code] || c.Text == "" || c.Severity == "" || !c.Code.Known() {
			t.Errorf("code %+v", c)
		}
		seen[c.Code] = true
	}
	if table := customer.MarkdownTable(); strings.Count(table, "\n") != customer.NumFields+4 {
		t.Errorf("table:\n%s", table)
	}
}

// TestExamplesAreGood judges the template's example row with its own rules.
func TestExamplesAreGood(t *testing.T) {
	t.Parallel()
	var header, row []string
	for _, s := range customer.ColumnSpecs() {
		header, row = append(header, s.Name), append(row, s.Example)
	}
	for _, create := range []bool{true, false} {
		got := judge(t, strings.Join(header, "\t"), strings.Join(row, "\t"), customer.Options{Create: create})
		if !got.OK() || len(got.Warnings) > 0 || got.Changes.Touched().Len() != customer.NumFields {
			t.Errorf("create %v: %+v %+v", create, got.Errors, got.Warnings)
		}
	}
}
