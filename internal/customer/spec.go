package customer

import (
	"slices"
	"strings"
)

// Limits of values that are lists.
const (
	MaxBranchCodes     = 1000
	MaxBranchCodeChars = 64
	MaxReminders       = 100
	maxReminderText    = 255
)

// Spec describes one column for people and for generators.
type Spec struct {
	Field    Field  // NoField for customerId and outstandingAmount
	Name     string // JSON name
	Kind     Kind
	MaxChars int    // longest value in characters; 0 = no limit of its own
	Required bool   // needed on create, never cleared
	OnCreate string // use on create: "required", "optional", "only summed"
	OnUpdate string // use on update: "identity", "identity or value", "value", "only summed"
	Rule     string // ends the sentence "<name> must be …"
	Pattern  string // regular expression of the whole value; "" = none
	Example  string // a good cell
}

// rule is a Spec with the code that judges it.
type rule struct {
	Spec
	accepts   func(string) bool              // nil: any text
	damaged   func(string) string            // what a spreadsheet did to the value: goes on after the name; "" for nothing
	suspect   func(*Judged, *Column, string) // warns about an accepted value
	normalise func(string) string            // stored form of an accepted value
}

// rules is the table; nothing changes it.
var rules = [NumFields]rule{
	UniqueRefNo: {
		Spec: Spec{
			Name: "uniqueRefNo", MaxChars: 64, OnUpdate: "identity or value",
			Rule: "1 to 64 characters, unique within the company; upper and lower case differ", Example: "REF-000001",
		},
		damaged: exponentWithSign, suspect: roundedDigits,
	},
	AccountNumber: {
		Spec: Spec{
			Name: "accountNumber", MaxChars: 36, Pattern: patternAccountNumber,
			Rule: "9 to 36 letters and digits, without spaces or signs", Example: "1914310000010103",
		},
		accepts: isAccountNumber, damaged: exponent, suspect: roundedDigits,
	},
	IFSC: {
		Spec: Spec{
			Name: "ifsc", MaxChars: 11, Pattern: patternIFSC,
			Rule: "4 letters, a zero, then 6 letters or digits; it is stored in upper case", Example: "HDFC0001234",
		},
		accepts: isIFSC, normalise: strings.ToUpper,
	},
	ContactNumber: {
		Spec: Spec{
			Name: "contactNumber", MaxChars: 16, Pattern: patternContactNumber,
			Rule:    "10 digits, or + or 00 with a country code of 1 to 3 digits, an optional space or -, and 10 digits",
			Example: "+919876543210",
		},
		accepts: isContactNumber, damaged: damagedContactNumber,
	},
	LegalName: {
		Spec: Spec{
			Name: "legalName", MaxChars: 255, Required: true,
			Rule: "1 to 255 characters; it can not be cleared", Example: "Asha Traders Private Limited",
		},
	},
	PanOrGstin: {
		Spec: Spec{
			Name: "panOrGstin", MaxChars: 15, Pattern: patternPanOrGstin,
			Rule:    "a PAN (5 letters, 4 digits, 1 letter) or a GSTIN of 15 characters, in upper case",
			Example: "27AAPFU0939F1ZV",
		},
		accepts: isPanOrGstin, damaged: exponent, suspect: suspectGSTIN,
	},
	PinCode: {
		Spec: Spec{
			Name: "pinCode", MaxChars: 6, Pattern: patternPinCode,
			Rule: "6 digits, the first not 0", Example: "560001",
		},
		accepts: isPinCode, damaged: damagedPinCode,
	},
	State:         {Spec: Spec{Name: "state", MaxChars: 100, Rule: "at most 100 characters", Example: "Karnataka"}},
	Address:       {Spec: Spec{Name: "address", MaxChars: 1000, Rule: "at most 1,000 characters", Example: "12, MG Road, Bengaluru"}},
	AssignedAgent: {Spec: Spec{Name: "assignedAgent", MaxChars: 255, Rule: "at most 255 characters", Example: "R. Iyer"}},
	BranchCodes: {
		Spec: Spec{
			Name: "branchCodes", Kind: List, Example: "BLR01;BLR02",
			Rule: "codes of at most 64 characters separated by ; or |, at most 1,000 of them; the list is replaced whole",
		},
	},
	CustomerReminders: {
		Spec: Spec{
			Name: "customerReminders", Kind: Reminders,
			Rule: "a JSON array of at most 100 objects with customerReminderId, dueDateDifference and reminderInterval (whole numbers), " +
				"reminderTime (HH:mm), reminderType (ONCE or RECURRING) and stage; the list is replaced whole",
			Example: `[{"customerReminderId":"R1","dueDateDifference":-3,"reminderInterval":1,"reminderTime":"09:30","reminderType":"ONCE","stage":"BEFORE_DUE"}]`,
		},
	},
}

// complete is a rule's Spec with what follows from its place filled in.
func complete(f Field) Spec {
	s := rules[f].Spec
	s.Field = f
	if s.OnUpdate == "" {
		s.OnUpdate = "value"
	}
	s.OnCreate = "optional"
	if s.Required {
		s.OnCreate = "required"
	}
	return s
}

// Specs lists the stored fields in field order.
func Specs() []Spec {
	out := make([]Spec, NumFields)
	for f := range out {
		out[f] = complete(Field(f))
	}
	return out
}

// ColumnSpecs lists every column a file may have, in the order of the template:
// customerId, the stored fields, outstandingAmount.
func ColumnSpecs() []Spec {
	first := Spec{
		Field: NoField, Name: NameCustomerID, MaxChars: 16, OnCreate: "optional", OnUpdate: "identity",
		Rule: customerIDRule, Pattern: patternCustomerID, Example: "KC0000000000000A",
	}
	last := Spec{
		Field: NoField, Name: NameOutstandingAmount, OnCreate: "only summed", OnUpdate: "only summed",
		Rule: amountRule, Pattern: patternAmount, Example: "-1250.75",
	}
	return slices.Concat([]Spec{first}, Specs(), []Spec{last})
}
