package customer

import (
	"strings"
	"unicode/utf8"
)

// maxRejectedChars is where a rejected value is cut.
const maxRejectedChars = 256

// Issue is one thing wrong with a row, or a warning about it.
type Issue struct {
	Field    string // JSON name of the column; "" for the row as a whole
	Column   int    // place in the header, from 0; -1 when there is no such column
	Rejected string // the value as sent, at most 256 characters of valid UTF-8
	Code     Code
	Message  string // says what to do
}

// reject cuts a value for an Issue. Bytes that JSON or a database could not
// hold, NUL and invalid UTF-8, become U+FFFD.
func reject(s string) string {
	if len(s) > maxRejectedChars {
		count := 0
		for i := range s {
			if count++; count > maxRejectedChars {
				s = s[:i]
				break
			}
		}
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\ufffd")
	}
	return s
}
