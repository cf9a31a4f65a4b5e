package customer_test

import (
	"testing"

	"sluice/internal/customer"
)

// BenchmarkJudge is a good row of 12 columns, as most rows are.
func BenchmarkJudge(b *testing.B) {
	c, err := customer.ParseHeader([]string{
		"customerId", "uniqueRefNo", "accountNumber", "ifsc", "contactNumber", "legalName",
		"panOrGstin", "pinCode", "state", "address", "branchCodes", "outstandingAmount",
	})
	if err != nil {
		b.Fatal(err)
	}
	cells := cellsOf(goodID + "\tREF-000001\t1914310000010103\tHDFC0001234\t+919876543210\tAsha Traders Private Limited\t" +
		"27AAPFU0939F1ZV\t560001\tKarnataka\t12, MG Road, Bengaluru\tBLR01;BLR02\t1250.75")
	var out customer.Judged
	b.ReportAllocs()
	for b.Loop() {
		c.Judge(cells, customer.Options{}, &out)
	}
	if !out.OK() {
		b.Fatal(out.Errors)
	}
}

func TestGoodRowAllocatesTwice(t *testing.T) {
	c, err := customer.ParseHeader([]string{"customerId", "legalName", "ifsc", "panOrGstin", "accountNumber", "branchCodes", "outstandingAmount"})
	if err != nil {
		t.Fatal(err)
	}
	cells := cellsOf(goodID + "\tAsha\tHDFC0001234\t27AAPFU0939F1ZV\t1914310000010103\ta;b\t1.5")
	var out customer.Judged
	c.Judge(cells, customer.Options{}, &out)
	if n := testing.AllocsPerRun(100, func() { c.Judge(cells, customer.Options{}, &out) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
