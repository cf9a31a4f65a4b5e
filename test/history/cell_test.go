package history_test

import (
	"strings"

	"sluice/internal/bulktest"
)

// cell is what stands in a column of a row, and what the rules say of it, stated
// here once more by hand.
type cell struct {
	text   string
	stored string // as it reads back; counts when the cell sets a value
	code   string // why it fails the row; empty: it does not
	isOdd  bool   // it warns
	units  int64  // of an amount: ten-thousandths
}

// null clears a field.
const null = "#NULL"

func good(text string) cell            { return cell{text: text, stored: strings.TrimSpace(text)} }
func bad(text, code string) cell       { return cell{text: text, code: code} }
func amount(text string, n int64) cell { return cell{text: text, units: n} }

// pool lists cells of a column. Good ones are few, so that rows often change nothing.
func pool(column string) []cell {
	switch column {
	case "legalName":
		return []cell{good("Asha Traders"), good(" Asha Traders "), good("Bharat, \"Sons\" & Co"), good("चन्द्र"), good("=Deepa"), bad(strings.Repeat("x", 256), "TOO_LONG")}
	case "state":
		return []cell{good("Goa"), good("Kerala"), good("Goa "), bad(strings.Repeat("y", 101), "TOO_LONG")}
	case "address":
		return []cell{good("12, MG Road\nBengaluru"), good("'7 Hill"), good("1 Lake View")}
	case "pinCode":
		return []cell{good("560001"), good("110001"), bad("012345", "INVALID_FORMAT"), bad("56000", "SPREADSHEET_DAMAGE")}
	case "ifsc":
		return []cell{{text: "hdfc0001234", stored: "HDFC0001234"}, good("SBIN0000001"), bad("HDFC1234567", "INVALID_FORMAT")}
	case "contactNumber":
		return []cell{good("9876543210"), good("+91 9876543210"), bad("09876543210", "INVALID_FORMAT")}
	case "panOrGstin":
		return []cell{good("27AAPFU0939F1ZV"), {text: "27AAPFU0939F1ZO", stored: "27AAPFU0939F1ZO", isOdd: true}, bad("369296450896540", "INVALID_FORMAT")}
	case "branchCodes":
		return []cell{{text: "BLR01;BLR02", stored: "BLR01|BLR02"}, {text: "BLR01 | BLR02", stored: "BLR01|BLR02"}, good("DEL01"), bad(";", "INVALID_FORMAT")}
	case "outstandingAmount":
		return []cell{amount("100", 1_000_000), amount("-2.5", -25_000), amount("0.0001", 1), bad("1,000", "INVALID_FORMAT")}
	default:
		return []cell{good("ignored"), good("")}
	}
}

// valueColumns are the columns a file may have beside those that identify.
func valueColumns() []string {
	return []string{"legalName", "state", "address", "pinCode", "ifsc", "contactNumber", "panOrGstin", "branchCodes", "outstandingAmount", "_note", "Remarks"}
}

// isStored reports whether a column is a field of the customer.
func isStored(column string) bool {
	return column != "outstandingAmount" && column != "_note" && column != "Remarks"
}

// drawCell draws a cell of a column; one in badness of the bad ones is kept.
func drawCell(d *bulktest.Dice, column string) cell {
	switch {
	case d.Chance(0.15):
		return cell{}
	case isStored(column) && d.Chance(0.06):
		return cell{text: null}
	}
	for {
		c := bulktest.Pick(d, pool(column))
		if c.code == "" || d.Chance(0.15) {
			return c
		}
	}
}
