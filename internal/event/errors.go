package event

import "fmt"

// Reason says in stable words why bytes can not be read.
type Reason string

// The reasons.
const (
	ReasonNoValue       Reason = "no value"
	ReasonBadMagic      Reason = "no schema id in front"
	ReasonUnknownSchema Reason = "unknown schema id"
	ReasonTruncated     Reason = "ends early"
	ReasonTrailing      Reason = "bytes after the end"
	ReasonBadLength     Reason = "impossible length"
	ReasonBadNumber     Reason = "number out of range"
	ReasonBadDecimal    Reason = "not a decimal number"
	ReasonBadBranch     Reason = "unknown union branch"
	ReasonBadSymbol     Reason = "unknown symbol"
	ReasonBadText       Reason = "text is not UTF-8"
	ReasonBadVersion    Reason = "unknown format version"
	ReasonCorrupt       Reason = "not compressed as announced"
	ReasonTooLarge      Reason = "larger than allowed"
)

// DecodeError says why and where bytes can not be read. It holds nothing of
// their content, so it may be logged and put into headers.
type DecodeError struct {
	Reason Reason
	Offset int // bytes from the beginning of what was to be decoded
}

// Error describes the failure.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("unreadable bytes: %s at offset %d", e.Reason, e.Offset)
}
