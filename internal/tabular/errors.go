package tabular

import (
	"fmt"
	"strconv"
)

// RowErrorKind says what is wrong with one row.
type RowErrorKind int

// Kinds of RowError.
const (
	// Malformed: a quoted cell that is never closed, or has text after its
	// closing quote. The row is then its first line alone.
	Malformed RowErrorKind = iota + 1
	// TooLong: the row has more bytes than Limits.MaxRowBytes.
	TooLong
	// CellTooLong: a cell has more characters than Limits.MaxCellChars.
	CellTooLong
	// InvalidText: a cell holds a NUL byte or is not valid UTF-8.
	InvalidText
)

// String returns the kind in words for logs and tests.
func (k RowErrorKind) String() string {
	switch k {
	case Malformed:
		return "malformed"
	case TooLong:
		return "too long"
	case CellTooLong:
		return "cell too long"
	case InvalidText:
		return "invalid text"
	}
	return "row error " + strconv.Itoa(int(k))
}

// RowError is a fault of one row that leaves its neighbours alone. Message
// never quotes the row.
type RowError struct {
	Kind    RowErrorKind
	Column  int // from 0; -1 where the fault is of the whole row
	Message string
}

// Error returns the message.
func (e *RowError) Error() string { return e.Message }

// FileErrorKind says why a file as a whole is refused.
type FileErrorKind int

// Kinds of FileError.
const (
	// Empty: no byte at all, or only blank lines.
	Empty FileErrorKind = iota + 1
	// HeaderTooLarge: the header is over Limits.MaxHeaderBytes.
	HeaderTooLarge
	// HeaderMalformed: a quoted name in the header is not closed properly.
	HeaderMalformed
	// TooManyColumns: the header has more names than Limits.MaxColumns.
	TooManyColumns
	// TooManyRows: the file has more data rows than Limits.MaxRows.
	TooManyRows
	// Binary: the file is not text, or a format that is not read.
	Binary
	// UnsupportedEncoding: the file is text, but not UTF-8.
	UnsupportedEncoding
)

// String returns the kind in words for logs and tests.
func (k FileErrorKind) String() string {
	switch k {
	case Empty:
		return "empty"
	case HeaderTooLarge:
		return "header too large"
	case HeaderMalformed:
		return "header malformed"
	case TooManyColumns:
		return "too many columns"
	case TooManyRows:
		return "too many rows"
	case Binary:
		return "binary"
	case UnsupportedEncoding:
		return "unsupported encoding"
	}
	return "file error " + strconv.Itoa(int(k))
}

// FileError refuses a whole file. Message says what to do and can be shown to
// whoever sent the file.
type FileError struct {
	Kind    FileErrorKind
	Message string
	Limit   int64 // the limit that was passed, else 0
	Size    int64 // how much there was, as far as it was read, else 0
}

// Error returns the message.
func (e *FileError) Error() string { return e.Message }

func malformed(column int, what string) *RowError {
	return &RowError{
		Kind: Malformed, Column: column,
		Message: fmt.Sprintf("column %d begins with a quote but %s; write a quote inside a quoted cell twice", column+1, what),
	}
}

func tooLong(limitBytes int) *RowError {
	return &RowError{
		Kind: TooLong, Column: -1,
		Message: fmt.Sprintf("the row is longer than %d bytes", limitBytes),
	}
}
