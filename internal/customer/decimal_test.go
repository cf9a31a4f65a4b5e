package customer_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/customer"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, cell, want string // want "" refuses
	}{
		{"whole", "1250", "1250"},
		{"places", "1250.7500", "1250.75"},
		{"negative", "-0.0001", "-0.0001"},
		{"minus_zero", "-0", "0"},
		{"eighteen_digits", "999999999999999999", "999999999999999999"},
		{"eighteen_digits_and_four_places", "-999999999999999999.9999", "-999999999999999999.9999"},
		{"nineteen_digits", "1000000000000000000", ""},
		{"five_places", "1.00000", ""},
		{"grouping", "1,250", ""},
		{"indian_grouping", "1,00,000.00", ""},
		{"currency", "₹1250", ""},
		{"dollar", "$1", ""},
		{"exponent", "1E3", ""},
		{"plus", "+1", ""},
		{"point_first", ".5", ""},
		{"point_last", "5.", ""},
		{"null", "#NULL", ""},
		{"word", "NaN", ""},
		{"accounting", "(12.50)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := judge(t, "customerId\toutstandingAmount", goodID+"\t"+tt.cell, customer.Options{})
			if tt.want == "" {
				if verdict(got.Errors) != "outstandingAmount:INVALID_FORMAT" || got.HasAmount {
					t.Errorf("verdict %+v", got)
				}
				return
			}
			if !got.OK() || !got.HasAmount || got.Amount.String() != tt.want {
				t.Errorf("amount %v, errors %+v", got.Amount, got.Errors)
			}
		})
	}
	none := judge(t, "customerId\toutstandingAmount", goodID+"\t ", customer.Options{})
	if !none.OK() || none.HasAmount {
		t.Errorf("empty amount: %+v", none)
	}
}

// TestSumsAreExact compares random sums with big integers.
func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.SliceOf(rapid.StringMatching(`-?[0-9]{1,18}(\.[0-9]{1,4})?`)).Draw(t, "amounts")
		var sum customer.Decimal
		want := new(big.Rat)
		for _, cell := range cells {
			d, err := customer.ParseDecimal(cell)
			if err != nil {
				t.Fatal(err)
			}
			sum = sum.Add(d)
			r, _ := new(big.Rat).SetString(cell)
			want.Add(want, r)
		}
		got, ok := new(big.Rat).SetString(sum.String())
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("sum %v, want %v", sum, want)
		}
		text, err := json.Marshal(sum)
		var back customer.Decimal
		if err != nil || json.Unmarshal(text, &back) != nil || back != sum || customer.DecimalFromParts(sum.Parts()) != sum {
			t.Fatalf("round trip of %s: %v, %v", text, back, err)
		}
	})
}

func TestSumOfTenMillionLargestAmounts(t *testing.T) {
	t.Parallel()
	d, err := customer.ParseDecimal("-999999999999999999.9999")
	if err != nil {
		t.Fatal(err)
	}
	var sum customer.Decimal
	for range 10_000_000 {
		sum = sum.Add(d)
	}
	if got := sum.String(); got != "-9999999999999999999999000" {
		t.Errorf("sum = %s", got)
	}
}
