// Package tabular reads and writes spreadsheets as rows of exact cell text.
//
// It keeps every byte of a cell, the line and the byte offset where a row
// begins, and goes on at the next line after a row it cannot make sense of.
// Memory depends on Limits alone, never on the file. It must not know what a
// column means, which columns a file needs, or where a file comes from.
package tabular

// Limits bound what a Reader accepts. A zero field stands for its default.
type Limits struct {
	// MaxColumns is the most names a header may have; default 500.
	MaxColumns int
	// MaxCellChars is the most characters (not bytes) of a cell; default 32,767,
	// which is also what spreadsheet programs hold.
	MaxCellChars int
	// MaxRowBytes is the most bytes of a row without its line ending; default 256 KiB.
	MaxRowBytes int
	// MaxHeaderBytes is the most bytes of the header row; default 1 MiB.
	MaxHeaderBytes int
	// MaxRows is the most data rows of a file; default 10,000,000.
	MaxRows int64
}

// DefaultLimits returns the limits that apply where nothing else is configured.
func DefaultLimits() Limits {
	return Limits{
		MaxColumns:     500,
		MaxCellChars:   32767,
		MaxRowBytes:    256 << 10,
		MaxHeaderBytes: 1 << 20,
		MaxRows:        10_000_000,
	}
}

func (l Limits) withDefaults() Limits {
	def := DefaultLimits()
	if l.MaxColumns <= 0 {
		l.MaxColumns = def.MaxColumns
	}
	if l.MaxCellChars <= 0 {
		l.MaxCellChars = def.MaxCellChars
	}
	if l.MaxRowBytes <= 0 {
		l.MaxRowBytes = def.MaxRowBytes
	}
	if l.MaxHeaderBytes <= 0 {
		l.MaxHeaderBytes = def.MaxHeaderBytes
	}
	if l.MaxRows <= 0 {
		l.MaxRows = def.MaxRows
	}
	return l
}

// Line endings as a Dialect names them.
const (
	LineEndingLF    = "LF"
	LineEndingCRLF  = "CRLF"
	LineEndingCR    = "CR"
	LineEndingMixed = "mixed"
)

// Values of Dialect that are read today.
const (
	FormatCSV    = "csv"
	EncodingUTF8 = "UTF-8"
	comma        = ","
)

// Dialect says how a file's rows are written down.
type Dialect struct {
	Format     string  // "csv"
	Encoding   string  // "UTF-8"
	BOM        bool    // the file begins with a byte-order mark
	Delimiter  string  // between cells: ","
	LineEnding string  // "LF", "CRLF", "CR", "mixed"; "" until a line ending was seen
	Confidence float64 // 0 to 1: how sure the detection is
}

// Position is a place between two rows, where Resume can go on. It holds for
// the bytes of one file under one set of limits.
type Position struct {
	Row    int64 // data rows before it
	Offset int64 // bytes before it, byte-order mark and header included
	Line   int64 // number of the line that begins there, from 1
}

// Header is the first row that is not blank.
type Header struct {
	// Names are the cells, unquoted and untrimmed; only a byte-order mark in
	// front of the first is gone.
	Names []string
	// Raw is the header as in the file, without byte-order mark and line ending.
	Raw []byte
	// Line is the number of the line where the header begins, from 1.
	Line int64
	// Dialect is what was known at the end of the header. Its LineEnding is the
	// header's own; "CR" makes a lone CR end the rows below it too.
	Dialect Dialect
}

// Row is one data row. It aliases the reader's buffers: its slices are valid
// until the next call of Next.
type Row struct {
	// Number counts data rows from 1; blank rows are not counted.
	Number int64
	// Line is the number of the line where the row begins, from 1, the header's
	// lines and blank lines included.
	Line int64
	// Offset is the number of bytes before the row, from the file's first byte.
	Offset int64
	// Cells hold the unquoted text, byte for byte and untrimmed; there may be
	// fewer or more of them than the header has names.
	Cells [][]byte
	// Raw is the row as in the file without its line ending.
	Raw []byte
	// Err is nil or a *RowError. Then Cells and Raw are the best that could be
	// made of the row: after TooLong both hold only its beginning.
	Err error
}
