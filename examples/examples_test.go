// Package examples_test keeps the example files true: what the notes and the
// README promise of each row is what the rules say.
package examples_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sluice/internal/customer"
)

type table struct {
	columns *customer.Columns
	rows    [][]string
}

func readTable(t *testing.T, name string) table {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	reader := csv.NewReader(strings.NewReader(string(content)))
	reader.FieldsPerRecord = -1
	records, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns, err := customer.ParseHeader(records[0])
	if err != nil {
		t.Fatal(err)
	}
	return table{columns, records[1:]}
}

func (tb table) judge(row []string, o customer.Options) customer.Judged {
	cells := make([][]byte, len(row))
	for i := range row {
		cells[i] = []byte(row[i])
	}
	var out customer.Judged
	tb.columns.Judge(cells, o, &out)
	return out
}

func codes(issues []customer.Issue) []string {
	var out []string
	for _, i := range issues {
		out = append(out, string(i.Code))
	}
	return out
}

func TestEveryCustomerCanBeCreated(t *testing.T) {
	customers := readTable(t, "customers.csv")
	if len(customers.rows) != 1000 {
		t.Errorf("%d customers", len(customers.rows))
	}
	ids, references := map[string]bool{}, map[string]bool{}
	for i, row := range customers.rows {
		judged := customers.judge(row, customer.Options{Create: true})
		if !judged.OK() || len(judged.Warnings) > 0 {
			t.Errorf("row %d: %v %v", i+1, judged.Errors, judged.Warnings)
		}
		if ids[row[0]] || references[row[1]] {
			t.Errorf("row %d repeats a customer", i+1)
		}
		ids[row[0]], references[row[1]] = true, true
	}
}

// expected is what the note of a row promises.
type expected struct {
	outcome string   // applied, unchanged or fails
	errors  []string // codes
	warning string
}

func expect(t *testing.T, row []string, width int) expected {
	t.Helper()
	if len(row) != width { // has no note, or one in the wrong column
		return expected{outcome: "fails", errors: []string{"MALFORMED_ROW"}}
	}
	promise, _, _ := strings.Cut(row[width-1], ": ")
	words := strings.Fields(strings.ReplaceAll(promise, ",", ""))
	switch {
	case words[0] == "fails":
		return expected{outcome: "fails", errors: words[1:]}
	case len(words) == 3 && words[1] == "warns":
		return expected{outcome: words[0], warning: words[2]}
	case len(words) == 1 && (words[0] == "applied" || words[0] == "unchanged"):
		return expected{outcome: words[0]}
	default:
		t.Fatalf("note %q is not understood", row[width-1])
		return expected{}
	}
}

func TestEveryUpdateDoesWhatItsNoteSays(t *testing.T) {
	customers, updates := readTable(t, "customers.csv"), readTable(t, "updates.csv")
	stored, holder := map[string]*customer.Customer{}, map[string]string{}
	for _, row := range customers.rows {
		judged := customers.judge(row, customer.Options{Create: true})
		stored[row[0]] = &customer.Customer{}
		stored[row[0]].Apply(&judged.Changes)
		holder[row[1]] = row[0]
	}
	const width = 13
	seen := map[string]bool{}
	var succeeded, failed, warned int
	var amount customer.Decimal
	for i, row := range updates.rows {
		want := expect(t, row, width)
		judged := updates.judge(row, customer.Options{})
		got, warnings := codes(judged.Errors), codes(judged.Warnings)
		if judged.OK() {
			reference := judged.Changes[customer.UniqueRefNo].Value.Text
			switch owner := holder[reference]; {
			case stored[judged.CustomerID] == nil:
				got = append(got, "NOT_FOUND")
			case reference != "" && owner != "" && owner != judged.CustomerID:
				got = append(got, "DUPLICATE_REFERENCE")
			}
		}
		if row[0] != "" && seen[row[0]] {
			warnings = append(warnings, "REPEATED_ROW")
		}
		seen[row[0]] = true
		if !slices.Equal(got, want.errors) || strings.Join(warnings, " ") != want.warning {
			t.Errorf("row %d: errors %q, warnings %q; its note promises %+v", i+1, got, warnings, want)
		}
		if len(warnings) > 0 {
			warned++
		}
		if len(got) > 0 {
			failed++
			continue
		}
		succeeded++
		isChanged := stored[judged.CustomerID].Apply(&judged.Changes).Len() > 0
		if isChanged != (want.outcome == "applied") {
			t.Errorf("row %d: changed is %v; its note promises %s", i+1, isChanged, want.outcome)
		}
		if judged.HasAmount {
			amount = amount.Add(judged.Amount)
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		fmt.Sprintf("%d rows: %d succeeded, %d failed; %d with warnings", len(updates.rows), succeeded, failed, warned),
		"outstanding amount of the rows that succeeded: " + amount.String(),
	} {
		if !strings.Contains(string(readme), line) {
			t.Errorf("README.md does not say %q", line)
		}
	}
}
