package customer

import "slices"

// Code is a stable word for what is wrong with a row, a file or a call. Clients
// may branch on it; the texts may change.
type Code string

// The codes; Codes has their texts.
const (
	InvalidFormat      Code = "INVALID_FORMAT"
	Required           Code = "REQUIRED"
	TooLong            Code = "TOO_LONG"
	InvalidText        Code = "INVALID_TEXT"
	SpreadsheetDamage  Code = "SPREADSHEET_DAMAGE"
	MalformedRow       Code = "MALFORMED_ROW"
	NotFound           Code = "NOT_FOUND"
	AlreadyExists      Code = "ALREADY_EXISTS"
	DuplicateReference Code = "DUPLICATE_REFERENCE"
	RepeatedRow        Code = "REPEATED_ROW"
	EditedSince        Code = "EDITED_SINCE"
	StoreRefused       Code = "STORE_REFUSED"
	UnreadableEvent    Code = "UNREADABLE_EVENT"
	Cancelled          Code = "CANCELLED"
	CheckCharacter     Code = "CHECK_CHARACTER"
	UnknownStateCode   Code = "UNKNOWN_STATE_CODE"
	UnknownColumn      Code = "UNKNOWN_COLUMN"
	EmptyFile          Code = "EMPTY_FILE"
	NoIdentityColumn   Code = "NO_IDENTITY_COLUMN"
	DuplicateColumn    Code = "DUPLICATE_COLUMN"
	UnknownOption      Code = "UNKNOWN_OPTION"
	OptionNotBuilt     Code = "OPTION_NOT_BUILT"
	LimitExceeded      Code = "LIMIT_EXCEEDED"
	UnsupportedFormat  Code = "UNSUPPORTED_FORMAT"
	KeyReused          Code = "KEY_REUSED"
)

// Severity says what a code does to the thing it is about.
type Severity string

// The severities.
const (
	Fails   Severity = "error"            // the row or call fails
	Warns   Severity = "warning"          // the row or file is applied all the same
	Either  Severity = "error or warning" // by the field or option, as the text says
	Refuses Severity = "refusal"          // the whole file or call is refused, nothing is kept
	Leaves  Severity = "unprocessed"      // the row is not applied and has not failed
)

// CodeInfo describes a code.
type CodeInfo struct {
	Code     Code
	Severity Severity
	Text     string
}

var codes = [...]CodeInfo{
	{InvalidFormat, Fails, "The value does not have the form the column asks for."},
	{Required, Fails, "A needed value is missing or would be cleared."},
	{TooLong, Fails, "The value, the list, the row or the customer after the change is longer than allowed."},
	{InvalidText, Fails, "The cell holds a NUL byte or is not valid UTF-8."},
	{SpreadsheetDamage, Either, "A spreadsheet changed the value: scientific notation or lost digits fail, digits that look rounded warn."},
	{MalformedRow, Fails, "The row has fewer cells than the header, a value beyond the last column, or quotes that do not match."},
	{NotFound, Fails, "The company has no customer with this identity."},
	{AlreadyExists, Fails, "A customer with this customerId exists; create never updates."},
	{DuplicateReference, Fails, "Another customer of the company holds this uniqueRefNo."},
	{RepeatedRow, Either, "The same identity stands in an earlier row of the file; with onRepeat=reject the row fails."},
	{EditedSince, Fails, "The customer was changed after the upload that is being undone; it is kept as it is."},
	{StoreRefused, Fails, "The store can not hold a value of this row."},
	{UnreadableEvent, Fails, "The row's event could not be read back; send the row again."},
	{Cancelled, Leaves, "The upload was cancelled before the row was applied."},
	{CheckCharacter, Warns, "The check character of the GSTIN does not fit its other characters."},
	{UnknownStateCode, Warns, "The GSTIN begins with a state code that does not exist."},
	{UnknownColumn, Warns, "The file has columns that are not customer fields; they are not stored."},
	{EmptyFile, Refuses, "The file has no data rows."},
	{NoIdentityColumn, Refuses, "The header has neither customerId nor uniqueRefNo."},
	{DuplicateColumn, Refuses, "Two columns of the header mean the same field."},
	{UnknownOption, Refuses, "The call has a parameter or value that does not exist."},
	{OptionNotBuilt, Refuses, "The option exists but only its default value can be used yet."},
	{LimitExceeded, Refuses, "The file is over a limit of size, rows, columns or characters in a cell."},
	{UnsupportedFormat, Refuses, "The file has a format that is not read."},
	{KeyReused, Refuses, "The Idempotency-Key was used with another call, company, option or file."},
}

// Codes is the one list of codes with their texts.
func Codes() []CodeInfo { return slices.Clone(codes[:]) }

// Known reports whether the code is in the list.
func (c Code) Known() bool {
	return slices.ContainsFunc(codes[:], func(i CodeInfo) bool { return i.Code == c })
}
