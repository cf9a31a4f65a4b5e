package customer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"sluice/internal/customer"
)

func TestParseHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header string
		identity     string // JSON name
		known        string
		unknown      string
	}{
		{"exact_names", "customerId\tlegalName", "customerId", "customerId,legalName", ""},
		{"case_spaces_underscores_and_dashes", "\ufeff Customer ID \tLEGAL_NAME\tpin-code\tPAN or GSTIN", "customerId", "customerId,legalName,pinCode,panOrGstin", ""},
		{"reference_identifies_alone", "state\tunique ref no", "uniqueRefNo", "state,uniqueRefNo", ""},
		{"customer_id_wins_over_reference", "uniqueRefNo\tcustomerId", "customerId", "uniqueRefNo,customerId", ""},
		{"unknown_and_unnamed_columns", "customerId\tcolour\t\toutstandingAmount", "customerId", "customerId,outstandingAmount", "colour,column 3, which has no name"},
		{"columns_with_underscore_are_ignored", "_row\t_status\t_anything\tcustomerId\t'=x", "customerId", "customerId", "=x"},
		{"name_of_broken_text", "customerId\tcaf\xe9", "customerId", "customerId", "caf\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := customer.ParseHeader(strings.Split(tt.header, "\t"))
			if err != nil {
				t.Fatal(err)
			}
			var known []string
			for _, col := range c.Known() {
				known = append(known, col.Name)
			}
			if c.Identity().Name != tt.identity || c.ByRef() != (tt.identity == "uniqueRefNo") {
				t.Errorf("identity = %+v", c.Identity())
			}
			if got := strings.Join(known, ","); got != tt.known {
				t.Errorf("known = %q, want %q", got, tt.known)
			}
			if got := strings.Join(c.Unknown(), ","); got != tt.unknown {
				t.Errorf("unknown = %q, want %q", got, tt.unknown)
			}
			warning, warned := c.Warning()
			if warned != (tt.unknown != "") || warned && warning.Code != customer.UnknownColumn {
				t.Errorf("warning = %+v, %v", warning, warned)
			}
		})
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header string
		codes        []customer.Code
		message      string
	}{
		{"no_identity", "legalName\tstate", []customer.Code{customer.NoIdentityColumn}, "neither customerId nor uniqueRefNo"},
		{"nothing", "", []customer.Code{customer.NoIdentityColumn}, "neither"},
		{"duplicate_names_both", "customerId\tPin Code\tpincode", []customer.Code{customer.DuplicateColumn}, `columns 2 ("Pin Code") and 3 ("pincode") are both pinCode`},
		{"duplicate_identity", "uniqueRefNo\tunique_ref_no", []customer.Code{customer.DuplicateColumn}, "both uniqueRefNo"},
		{"every_mistake", "state\tState\tSTATE", []customer.Code{customer.DuplicateColumn, customer.DuplicateColumn, customer.NoIdentityColumn}, "; "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := customer.ParseHeader(strings.Split(tt.header, "\t"))
			var refused *customer.HeaderError
			if !errors.As(err, &refused) {
				t.Fatalf("err = %v", err)
			}
			var codes []customer.Code
			for _, i := range refused.Issues {
				codes = append(codes, i.Code)
			}
			if !slices.Equal(codes, tt.codes) || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("codes %v, message %q", codes, err)
			}
		})
	}
}

func TestIdentityCellIsWhatJudgeSees(t *testing.T) {
	t.Parallel()
	c, err := customer.ParseHeader([]string{"_row", "customerId"})
	if err != nil {
		t.Fatal(err)
	}
	cells := cellsOf("1\t " + goodID + " ")
	var out customer.Judged
	c.Judge(cells, customer.Options{}, &out)
	if got := string(c.IdentityCell(cells)); got != goodID || out.Identity != goodID || out.CustomerID != goodID {
		t.Errorf("identity cell %q, judged %q", got, out.Identity)
	}
	if c.IdentityCell(cells[:1]) != nil {
		t.Error("a missing cell is not empty")
	}
}
