package bulktest

import (
	"fmt"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// Company is the company of rows and files that name no other.
const Company = "CEK0000001"

// Upload is the upload of rows that name no other.
const Upload = "01900000-0000-7000-8000-000000000001"

// CustomerID returns the n-th customer's id.
func CustomerID(n int) string { return fmt.Sprintf("KC%014d", n) }

// RowOption says how a row differs from the plain one.
type RowOption func(*bulk.Row)

// Row builds an update: row 1 of Upload, about customer 1 of Company, that
// changes nothing. Number it with At.
func Row(options ...RowOption) bulk.Row {
	r := bulk.Row{
		Upload: Upload, Company: Company, Kind: bulk.KindUpdate,
		Number: 1, Line: 2, Identity: CustomerID(1), CustomerID: CustomerID(1),
	}
	for _, o := range options {
		o(&r)
	}
	return r
}

// At numbers the row; prev is the upload's row before it in the partition.
func At(number, prev int64) RowOption {
	return func(r *bulk.Row) { r.Number, r.Line, r.Prev = number, number+1, prev }
}

// Of makes the row one of another upload.
func Of(upload string) RowOption { return func(r *bulk.Row) { r.Upload = upload } }

// In puts the row into another company.
func In(company string) RowOption { return func(r *bulk.Row) { r.Company = company } }

// About names the n-th customer.
func About(n int) RowOption {
	return func(r *bulk.Row) { r.Identity, r.CustomerID = CustomerID(n), CustomerID(n) }
}

// ByRef names the customer by reference.
func ByRef(ref string) RowOption {
	return func(r *bulk.Row) { r.ByRef, r.Identity, r.CustomerID = true, ref, "" }
}

// Create makes the row a create.
func Create() RowOption { return func(r *bulk.Row) { r.Kind = bulk.KindCreate } }

// Set asks for a text value.
func Set(f customer.Field, text string) RowOption {
	return func(r *bulk.Row) {
		r.Changes[f] = customer.Change{Action: customer.Set, Value: customer.Value{Set: true, Text: text}}
	}
}

// Clear asks for a field to be cleared.
func Clear(f customer.Field) RowOption {
	return func(r *bulk.Row) { r.Changes[f] = customer.Change{Action: customer.Clear} }
}

// Amount gives the row an outstandingAmount in whole units.
func Amount(units int64) RowOption {
	return func(r *bulk.Row) { r.Amount = customer.DecimalFromUnits(units * 10_000) }
}

// Warned gives the row a warning.
func Warned(code customer.Code) RowOption {
	return func(r *bulk.Row) {
		r.Warnings = append(r.Warnings, customer.Issue{Column: -1, Code: code, Message: "a warning"})
	}
}
