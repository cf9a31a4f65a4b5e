package customer

import (
	"fmt"
	"math/bits"
	"strings"
)

// Field is a stored field of a customer. The numbers are stable: they index
// Customer.Values and the bits of a FieldSet, in events and stores too.
type Field uint8

// The stored fields, in the order they have everywhere.
const (
	UniqueRefNo Field = iota
	AccountNumber
	IFSC
	ContactNumber
	LegalName
	PanOrGstin
	PinCode
	State
	Address
	AssignedAgent
	BranchCodes
	CustomerReminders

	NumFields = iota
)

// NoField stands in a Spec whose column is read but not stored as a field.
const NoField Field = 0xff

// Names of the two columns that are read but are not stored fields.
const (
	NameCustomerID        = "customerId"
	NameOutstandingAmount = "outstandingAmount"
)

// String is the JSON name of the field.
func (f Field) String() string {
	if int(f) < NumFields {
		return rules[f].Name
	}
	return fmt.Sprintf("field(%d)", uint8(f))
}

// FieldByName finds a stored field by its exact JSON name.
func FieldByName(name string) (Field, bool) {
	for i := range rules {
		if rules[i].Name == name {
			return Field(i), true
		}
	}
	return NoField, false
}

// Kind says how the value of a field is held.
type Kind uint8

// The kinds of values.
const (
	Text      Kind = iota // one string, Value.Text
	List                  // strings in order, Value.List
	Reminders             // Value.Reminders
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case List:
		return "list"
	case Reminders:
		return "reminders"
	default:
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
}

// FieldSet is a set of fields, bit i standing for Field(i).
type FieldSet uint32

// SetOf makes a set of fields.
func SetOf(fields ...Field) FieldSet {
	var s FieldSet
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

// Has reports whether f is in the set.
func (s FieldSet) Has(f Field) bool { return s&(1<<f) != 0 }

// With is the set with f added.
func (s FieldSet) With(f Field) FieldSet { return s | 1<<f }

// Len counts the fields of the set.
func (s FieldSet) Len() int { return bits.OnesCount32(uint32(s)) }

// Fields lists the set in field order.
func (s FieldSet) Fields() []Field {
	out := make([]Field, 0, s.Len())
	for f := Field(0); f < NumFields; f++ {
		if s.Has(f) {
			out = append(out, f)
		}
	}
	return out
}

// Names lists the JSON names of the set in field order.
func (s FieldSet) Names() []string {
	out := make([]string, 0, s.Len())
	for _, f := range s.Fields() {
		out = append(out, f.String())
	}
	return out
}

// String is the names joined by commas.
func (s FieldSet) String() string { return strings.Join(s.Names(), ",") }
