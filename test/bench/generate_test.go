package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

func TestFilesAreTheSameEveryTime(t *testing.T) {
	t.Parallel()
	var files [2][]byte
	for i := range files {
		path := filepath.Join(t.TempDir(), "update.csv")
		if _, err := writeUpdate(path, order(500, 200, roundUpdate), roundUpdate); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = text
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two files of the same round differ")
	}
}

func TestEveryRowIsGoodAndNamesAnotherCustomer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "update.csv")
	if _, err := writeUpdate(path, order(2000, 2000, roundUpdate), roundUpdate); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	if err := eachRow(path, func(r *bulk.Row) error { // refuses a row that is not good
		seen[r.CustomerID] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2000 {
		t.Errorf("2000 rows name %d customers", len(seen))
	}
}

func TestUpdateChangesThreeToFiveFields(t *testing.T) {
	t.Parallel()
	for i := range 500 {
		differing := 0
		for c := range columns {
			if cell(i, c, 0) != cell(i, c, 1) {
				differing++
			}
		}
		// A column of few values may draw the same one again.
		if differing < 1 || differing > 5 {
			t.Errorf("customer %d: %d fields differ", i, differing)
		}
		total := 0
		for _, is := range changes(i, 1) {
			if is {
				total++
			}
		}
		if total < 3 || total > 5 {
			t.Errorf("customer %d: %d fields change", i, total)
		}
	}
	if n := customer.NumFields; n < len(columns) {
		t.Errorf("%d columns of %d fields", len(columns), n)
	}
}
