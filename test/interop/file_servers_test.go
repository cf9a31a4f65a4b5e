//go:build servers

package interop_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"testing"
)

// file is a CSV file to send.
type file struct {
	name     string
	company  string
	isCreate bool
	rows     int
	content  []byte
}

// newFile writes n rows under a header.
func newFile(t *testing.T, name, company string, header []string, n int, row func(i int) []string) file {
	t.Helper()
	var content bytes.Buffer
	w := csv.NewWriter(&content)
	if err := w.Write(header); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.Write(row(i)); err != nil {
			t.Fatal(err)
		}
	}
	if w.Flush(); w.Error() != nil {
		t.Fatal(w.Error())
	}
	return file{name: name + ".csv", company: company, rows: n, content: content.Bytes()}
}

func customerID(i int) string { return fmt.Sprintf("KC%014d", i) }

func reference(i int) string { return "REF-" + strconv.Itoa(i) }

// creates makes customers 0 to n-1, all of whose fields some have.
func creates(t *testing.T, company string, n int) file {
	t.Helper()
	f := newFile(t, "customers", company, []string{
		"customerId", "uniqueRefNo", "legalName", "accountNumber", "ifsc", "contactNumber",
		"panOrGstin", "pinCode", "state", "address", "branchCodes", "customerReminders",
	}, n, func(i int) []string {
		row := []string{
			customerID(i), reference(i), "Asha Traders " + strconv.Itoa(i), "", "", fmt.Sprintf("98%08d", i),
			"", strconv.Itoa(110000 + i), "Kerala", "12, \"Marine\" Drive\nKochi – കൊച്ചി", "", "",
		}
		if i%3 == 0 {
			row[3], row[4], row[6], row[10] = strconv.Itoa(10_000_000_000+i), "punb0017921", "27AAPFU0939F1ZV", "COK01;COK02"
		}
		if i%5 == 0 {
			row[11] = `[{"customerReminderId":"r1","dueDateDifference":-2,"reminderInterval":3,"reminderTime":"09:30","reminderType":"RECURRING","stage":"due"}]`
		}
		return row
	})
	f.isCreate = true
	return f
}

// updates changes customers 0 to n-1 over and over. Of 50 rows three fail, each
// for a reason of its own, and one changes nothing; salt makes values differ from
// those of another file.
func updates(t *testing.T, company string, customers, rows, salt int) file {
	t.Helper()
	return newFile(t, "updates-"+strconv.Itoa(salt), company,
		[]string{"customerId", "contactNumber", "state", "assignedAgent", "outstandingAmount"}, rows,
		func(i int) []string {
			row := []string{
				customerID(i % customers), fmt.Sprintf("9%03d%06d", salt%1000, i), "State " + strconv.Itoa(salt),
				"", fmt.Sprintf("%d.%02d", i%1000, salt%100),
			}
			switch i % 50 {
			case 7:
				row[1] = "9.87654E+09"
			case 13:
				row[0] = customerID(90_000_000 + i)
			case 17:
				row[4] = "1,000"
			case 23:
				row[1], row[2] = "", "" // nothing to set
			case 29:
				row[3] = "#NULL"
			case 31:
				row[3] = "agent-" + strconv.Itoa(i) + "@example.com"
			}
			return row
		})
}

// byReference changes customers that it names by their reference.
func byReference(t *testing.T, company string, customers, rows, salt int) file {
	t.Helper()
	return newFile(t, "references-"+strconv.Itoa(salt), company,
		[]string{"uniqueRefNo", "address", "branchCodes"}, rows,
		func(i int) []string {
			return []string{reference(i * 7 % customers), fmt.Sprintf("Road %d-%d", salt, i), "B" + strconv.Itoa(i%9) + "|B" + strconv.Itoa(salt)}
		})
}
