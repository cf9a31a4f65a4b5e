package customer_test

import (
	"strings"
	"testing"

	"sluice/internal/customer"
)

const goodID = "KC0000000000000A"

// judge parses a header and judges one row; cells are separated by tabs in
// both, so that a test reads like a file.
func judge(t *testing.T, header, row string, o customer.Options) *customer.Judged {
	t.Helper()
	c, err := customer.ParseHeader(strings.Split(header, "\t"))
	if err != nil {
		t.Fatalf("parse header: %v", err)
	}
	var out customer.Judged
	c.Judge(cellsOf(row), o, &out)
	return &out
}

func cellsOf(row string) [][]byte {
	var cells [][]byte
	for cell := range strings.SplitSeq(row, "\t") {
		cells = append(cells, []byte(cell))
	}
	return cells
}

// verdict is errors and warnings as "field:CODE field:CODE".
func verdict(issues []customer.Issue) string {
	var parts []string
	for _, i := range issues {
		parts = append(parts, i.Field+":"+string(i.Code))
	}
	return strings.Join(parts, " ")
}

func TestJudgeOneField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, field, cell string
		want, warn        string // codes; "" for none
		stored            string // of a good cell; "" when the same as the cell
	}{
		{"account_of_9_characters", "accountNumber", "abcDEF123", "", "", ""},
		{"account_of_36_characters", "accountNumber", strings.Repeat("9", 35) + "x", "", "", ""},
		{"account_of_8_characters_is_short", "accountNumber", "12345678", "INVALID_FORMAT", "", ""},
		{"account_of_37_characters_is_long", "accountNumber", strings.Repeat("1", 37), "INVALID_FORMAT", "", ""},
		{"account_with_a_space", "accountNumber", "12345 67890", "INVALID_FORMAT", "", ""},
		{"account_in_scientific_notation", "accountNumber", "1.91431E+18", "SPREADSHEET_DAMAGE", "", ""},
		{"account_rounded_past_the_15th_digit_warns", "accountNumber", "1914310000010100000", "", "SPREADSHEET_DAMAGE", ""},
		{"account_with_a_digit_past_the_15th_is_silent", "accountNumber", "1914310000010100016", "", "", ""},
		{"account_of_15_digits_ending_in_zeros_is_silent", "accountNumber", "191431000000000", "", "", ""},
		{"ifsc_is_stored_upper_case", "ifsc", "hdfc0001a3z", "", "", "HDFC0001A3Z"},
		{"ifsc_without_the_zero", "ifsc", "HDFC1001234", "INVALID_FORMAT", "", ""},
		{"ifsc_of_12_characters", "ifsc", "HDFC00012345", "INVALID_FORMAT", "", ""},
		{"phone_of_10_digits", "contactNumber", "9876543210", "", "", ""},
		{"phone_with_plus", "contactNumber", "+919876543210", "", "", ""},
		{"phone_with_plus_and_space", "contactNumber", "+91 9876543210", "", "", ""},
		{"phone_with_00", "contactNumber", "00919876543210", "", "", ""},
		{"phone_with_one_leading_zero", "contactNumber", "09876543210", "INVALID_FORMAT", "", ""},
		{"phone_in_scientific_notation", "contactNumber", "9.87654E+09", "SPREADSHEET_DAMAGE", "", ""},
		{"phone_of_9_digits", "contactNumber", "987654321", "SPREADSHEET_DAMAGE", "", ""},
		{"phone_of_8_digits", "contactNumber", "98765432", "INVALID_FORMAT", "", ""},
		{"legal_name_of_255_characters", "legalName", strings.Repeat("ह", 255), "", "", ""},
		{"legal_name_of_256_characters", "legalName", strings.Repeat("ह", 256), "TOO_LONG", "", ""},
		{"legal_name_can_not_be_cleared", "legalName", "#NULL", "REQUIRED", "", ""},
		{"pan", "panOrGstin", "AAPFU0939F", "", "", ""},
		{"pan_in_lower_case", "panOrGstin", "aapfu0939f", "INVALID_FORMAT", "", ""},
		{"gstin_of_maharashtra", "panOrGstin", "27AAPFU0939F1ZV", "", "", ""},
		{"gstin_of_andhra_pradesh", "panOrGstin", "37AADCB2230M2ZR", "", "", ""},
		{"gstin_of_tamil_nadu_region", "panOrGstin", "34AABCB5576G1ZQ", "", "", ""},
		{"gstin_with_wrong_check_character", "panOrGstin", "27AAPFU0939F1ZO", "", "CHECK_CHARACTER", ""},
		{"second_gstin_with_wrong_check_character", "panOrGstin", "24AADCB2230M1Z2", "", "CHECK_CHARACTER", ""},
		{"gstin_of_digits_alone", "panOrGstin", "369296450896540", "INVALID_FORMAT", "", ""},
		{"gstin_of_an_unknown_state", "panOrGstin", "39AAPFU0939F1ZQ", "", "UNKNOWN_STATE_CODE", ""},
		{"gstin_of_a_united_nations_body", "panOrGstin", "0717UNO00157UNO", "", "", ""},
		{"gstin_in_scientific_notation", "panOrGstin", "3.69296E+14", "SPREADSHEET_DAMAGE", "", ""},
		{"pin", "pinCode", "560001", "", "", ""},
		{"pin_with_leading_zero", "pinCode", "060001", "INVALID_FORMAT", "", ""},
		{"pin_of_5_digits", "pinCode", "56001", "SPREADSHEET_DAMAGE", "", ""},
		{"pin_of_7_digits", "pinCode", "5600011", "INVALID_FORMAT", "", ""},
		{"pin_in_scientific_notation", "pinCode", "5.6E+05", "SPREADSHEET_DAMAGE", "", ""},
		{"state_of_100_characters", "state", strings.Repeat("é", 100), "", "", ""},
		{"state_of_101_characters", "state", strings.Repeat("é", 101), "TOO_LONG", "", ""},
		{"address_of_1001_characters", "address", strings.Repeat("a", 1001), "TOO_LONG", "", ""},
		{"address_keeps_a_line_break", "address", "12\r\nMG Road", "", "", ""},
		{"agent_of_256_characters", "assignedAgent", strings.Repeat("a", 256), "TOO_LONG", "", ""},
		{"reference_of_64_characters", "uniqueRefNo", strings.Repeat("r", 64), "", "", ""},
		{"reference_of_65_characters", "uniqueRefNo", strings.Repeat("r", 65), "TOO_LONG", "", ""},
		{"reference_in_scientific_notation", "uniqueRefNo", "1.23457E+15", "SPREADSHEET_DAMAGE", "", ""},
		{"reference_that_only_looks_like_an_exponent", "uniqueRefNo", "12E7", "", "", ""},
		{"reference_rounded_past_the_15th_digit_warns", "uniqueRefNo", "1234567890123450", "", "SPREADSHEET_DAMAGE", ""},
		{"nul_byte", "address", "a\x00b", "INVALID_TEXT", "", ""},
		{"invalid_utf8", "address", "caf\xe9", "INVALID_TEXT", "", ""},
		{"white_space_at_both_ends_is_ignored", "pinCode", "\u00a0 560001\u2003\n", "", "", "560001"},
		{"a_quote_is_kept_without_the_row_column", "state", "'Goa", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := judge(t, "customerId\t"+tt.field, goodID+"\t"+tt.cell, customer.Options{})
			wantErrors, wantWarnings := "", ""
			if tt.want != "" {
				wantErrors = tt.field + ":" + tt.want
			}
			if tt.warn != "" {
				wantWarnings = tt.field + ":" + tt.warn
			}
			if e, w := verdict(got.Errors), verdict(got.Warnings); e != wantErrors || w != wantWarnings {
				t.Fatalf("errors %q, warnings %q; want %q, %q", e, w, wantErrors, wantWarnings)
			}
			if tt.want != "" {
				if !strings.HasPrefix(got.Errors[0].Message, tt.field) {
					t.Errorf("message %q does not begin with the column", got.Errors[0].Message)
				}
				return
			}
			stored := tt.stored
			if stored == "" {
				stored = tt.cell
			}
			f, _ := customer.FieldByName(tt.field)
			if ch := got.Changes[f]; ch.Action != customer.Set || !ch.Value.Set || ch.Value.Text != stored {
				t.Errorf("change = %+v, want %q set", ch, stored)
			}
		})
	}
}

func TestJudgeRows(t *testing.T) {
	t.Parallel()
	update, create := customer.Options{}, customer.Options{Create: true}
	tests := []struct {
		name, header, row string
		o                 customer.Options
		identity          string
		errors            string
		changes           string // "field=value field=null"
	}{
		{"missing_and_empty_are_left", "customerId\tstate\tpinCode", goodID + "\t\t560001", update, goodID, "", "pinCode=560001"},
		{"null_clears", "customerId\tstate", goodID + "\t#NULL", update, goodID, "", "state=null"},
		{"null_in_lower_case_is_text", "customerId\tstate", goodID + "\t#null", update, goodID, "", "state=#null"},
		{"empty_clears_on_demand", "customerId\tstate\toutstandingAmount", goodID + "\t \t", customer.Options{ClearEmpty: true}, goodID, "", "state=null"},
		{"empty_required_field_can_not_be_cleared", "customerId\tlegalName", goodID + "\t", customer.Options{ClearEmpty: true}, goodID, "legalName:REQUIRED", ""},
		{"empty_identity_is_required", "customerId\tstate", "\tGoa", update, "", "customerId:REQUIRED", ""},
		{"cleared_identity_is_required", "uniqueRefNo\tstate", "#NULL\tGoa", update, "#NULL", "uniqueRefNo:REQUIRED", ""},
		{"bad_identity_is_kept_in_the_verdict", "customerId\tstate", " KC1 \tGoa", update, "KC1", "customerId:INVALID_FORMAT", ""},
		{"identity_in_scientific_notation", "customerId", "1.2E+05", update, "1.2E+05", "customerId:SPREADSHEET_DAMAGE", ""},
		{"reference_identifies_and_is_no_change", "uniqueRefNo\tstate", "R1\tGoa", update, "R1", "", "state=Goa"},
		{"reference_is_a_value_beside_customer_id", "uniqueRefNo\tcustomerId", "R1\t" + goodID, update, goodID, "", "uniqueRefNo=R1"},
		{"reference_beside_customer_id_can_be_cleared", "uniqueRefNo\tcustomerId", "#NULL\t" + goodID, update, goodID, "", "uniqueRefNo=null"},
		{"create_by_reference_stores_it", "uniqueRefNo\tlegalName", "R1\tAsha", create, "R1", "", "uniqueRefNo=R1 legalName=Asha"},
		{"create_without_legal_name_column", "uniqueRefNo\tstate", "R1\tGoa", create, "R1", "legalName:REQUIRED", ""},
		{"create_with_empty_legal_name", "uniqueRefNo\tlegalName", "R1\t ", create, "R1", "legalName:REQUIRED", ""},
		{"create_with_customer_id_column_needs_the_cell", "customerId\tlegalName", "\tAsha", create, "", "customerId:REQUIRED", ""},
		{
			"all_errors_in_column_order", "pinCode\tcustomerId\tifsc\tlegalName", "1\t\tx\t#NULL", update, "",
			"pinCode:INVALID_FORMAT customerId:REQUIRED ifsc:INVALID_FORMAT legalName:REQUIRED", "",
		},
		{"short_row", "customerId\tstate\tpinCode", goodID + "\tGoa", update, goodID, ":MALFORMED_ROW", ""},
		{"row_longer_by_a_value", "customerId\tstate", goodID + "\tGoa\t\tx", update, goodID, ":MALFORMED_ROW", ""},
		{"row_longer_by_empty_cells", "customerId\tstate", goodID + "\tGoa\t\t ", update, goodID, "", "state=Goa"},
		{"ignored_and_unknown_columns_are_not_judged", "_line\tcustomerId\tcolour", "\xff\t" + goodID + "\t\x00", update, goodID, "", ""},
		{"quote_is_removed_from_our_own_files", "_row\tcustomerId\tcontactNumber", "1\t" + goodID + "\t'+919876543210", update, goodID, "", "contactNumber=+919876543210"},
		{"one_quote_alone_is_removed", "_row\tcustomerId\tstate", "1\t" + goodID + "\t''Goa", update, goodID, "", "state='Goa"},
		{"quote_before_a_harmless_character_stays", "_row\tcustomerId\tstate", "1\t" + goodID + "\t'Goa", update, goodID, "", "state='Goa"},
		{"branch_codes_are_split_and_trimmed", "customerId\tbranchCodes", goodID + "\t a ;b|| c;", update, goodID, "", "branchCodes=a,b,c"},
		{"branch_codes_without_a_code", "customerId\tbranchCodes", goodID + "\t;|", update, goodID, "branchCodes:INVALID_FORMAT", ""},
		{"too_many_branch_codes", "customerId\tbranchCodes", goodID + "\t" + strings.Repeat("a;", 1001), update, goodID, "branchCodes:TOO_LONG", ""},
		{"a_long_branch_code", "customerId\tbranchCodes", goodID + "\t" + strings.Repeat("a", 65), update, goodID, "branchCodes:TOO_LONG", ""},
		{"empty_reminder_array_clears", "customerId\tcustomerReminders", goodID + "\t[ ]", update, goodID, "", "customerReminders=null"},
		{
			"cells_that_are_whole_only_together", "customerId\tstate\taddress", goodID + "\t\xe0\xa4\t\xb9", update, goodID,
			"state:INVALID_TEXT address:INVALID_TEXT", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := judge(t, tt.header, tt.row, tt.o)
			if e := verdict(got.Errors); e != tt.errors {
				t.Errorf("errors %q, want %q", e, tt.errors)
			}
			if got.Identity != tt.identity {
				t.Errorf("identity %q, want %q", got.Identity, tt.identity)
			}
			if c := describe(&got.Changes); c != tt.changes {
				t.Errorf("changes %q, want %q", c, tt.changes)
			}
		})
	}
}

func describe(ch *customer.Changes) string {
	var parts []string
	for f := range ch {
		name := customer.Field(f).String()
		switch v := ch[f].Value; ch[f].Action {
		case customer.Leave:
		case customer.Clear:
			parts = append(parts, name+"=null")
		case customer.Set:
			parts = append(parts, name+"="+v.Text+strings.Join(v.List, ","))
		}
	}
	return strings.Join(parts, " ")
}

func TestJudgedIsReusedWithoutTraces(t *testing.T) {
	t.Parallel()
	c, err := customer.ParseHeader([]string{"customerId", "state", "outstandingAmount"})
	if err != nil {
		t.Fatal(err)
	}
	var out customer.Judged
	c.Judge(cellsOf(goodID+"\tGoa\t12.5"), customer.Options{}, &out)
	kept := out.Changes[customer.State].Value.Text
	c.Judge(cellsOf("bad\t\tx"), customer.Options{}, &out)
	if kept != "Goa" || out.CustomerID != "" || out.HasAmount || out.Changes.Touched() != 0 || len(out.Errors) != 2 {
		t.Errorf("kept %q, verdict %+v", kept, out)
	}
}

func TestRejectedValueIsCutAndMadeStorable(t *testing.T) {
	t.Parallel()
	got := judge(t, "customerId\taddress", goodID+"\t\x00\xff"+strings.Repeat("ह", 2000), customer.Options{})
	r := got.Errors[0].Rejected
	if n := len([]rune(r)); n != 256 || !strings.HasPrefix(r, "\ufffd\ufffdह") {
		t.Errorf("rejected has %d characters: %q", n, r)
	}
}

func TestBlank(t *testing.T) {
	t.Parallel()
	if !customer.Blank(cellsOf("\t \t\u00a0")) || customer.Blank(cellsOf("\tx")) || !customer.Blank(nil) {
		t.Error("blank rows are told wrongly")
	}
}
