package tabular

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// keptBytes is how much of a row over the limit is kept.
const keptBytes = 64 << 10

// Reader reads the data rows of one file, in order. It is not safe for
// concurrent use.
//
// Rows follow RFC 4180, with LF or CRLF at the end of a line, also mixed. A
// quote inside a cell that does not begin with one is text. A quoted cell that
// is not closed properly, within four times Limits.MaxRowBytes of the row's
// beginning, makes its row Malformed; that row is its first line alone and
// reading goes on at the next line. A row whose cells hold nothing but white
// space is skipped and not numbered, though its lines count.
type Reader struct {
	win    window
	limits Limits
	header *Header
	split  splitter
	ahead  lookAhead
	loneCR bool    // a CR alone ends a line
	seen   endings // outside of quotes
	line   int64   // where the next row begins, from 1
	pos    Position
	row    Row
	prefix []byte // beginning of a line too long for the window
	err    error  // returned for good
}

// bounds of one row, in bytes.
type bounds struct {
	row   int // past it the row is TooLong
	ahead int // past it the end of a row is not looked for
}

// Resume reads on at pos, of the same file and limits. src must deliver the
// bytes from pos.Offset on. The header is the one NewReader found; nil stands
// for a file whose lines end with LF or CRLF.
func Resume(src io.Reader, header *Header, pos Position, limits Limits) *Reader {
	if header == nil {
		header = &Header{Dialect: Dialect{Format: FormatCSV, Encoding: EncodingUTF8, Delimiter: comma, Confidence: 1}}
	}
	r := newReader(src, pos.Offset, limits)
	r.header, r.pos, r.line = header, pos, pos.Line
	r.loneCR = header.Dialect.LineEnding == LineEndingCR
	switch header.Dialect.LineEnding {
	case LineEndingLF:
		r.seen = sawLF
	case LineEndingCRLF:
		r.seen = sawCRLF
	case LineEndingCR:
		r.seen = sawCR
	}
	return r
}

func newReader(src io.Reader, offset int64, limits Limits) *Reader {
	limits = limits.withDefaults()
	return &Reader{
		win:    newWindow(src, offset, lookAheadRows*limits.MaxRowBytes),
		limits: limits,
		split:  splitter{delim: comma[0]},
	}
}

// Header returns the header; it is the caller's to keep.
func (r *Reader) Header() *Header { return r.header }

// Dialect returns what is known so far: LineEnding may turn to "mixed" as rows
// are read. After Resume it does not know the endings before pos.
func (r *Reader) Dialect() Dialect {
	d := r.header.Dialect
	d.LineEnding = r.seen.String()
	return d
}

// Position returns the place after the last returned row, where Resume goes on.
func (r *Reader) Position() Position { return r.pos }

// Next returns the next data row; one with a fault has Row.Err set and does
// not end the file. The error is io.EOF after the last row, a *FileError of
// kind TooManyRows, or what the source returned, wrapped; it stays.
func (r *Reader) Next() (*Row, error) {
	if r.err != nil {
		return nil, r.err
	}
	for {
		if err := r.readRow(bounds{r.limits.MaxRowBytes, lookAheadRows * r.limits.MaxRowBytes}); err != nil {
			r.err = err
			return nil, err
		}
		if r.row.Err == nil && isBlank(r.row.Cells) {
			continue
		}
		if r.row.Err == nil {
			r.row.Err = r.judge()
		}
		break
	}
	if r.pos.Row >= r.limits.MaxRows {
		r.err = &FileError{
			Kind: TooManyRows, Limit: r.limits.MaxRows, Size: r.pos.Row + 1,
			Message: fmt.Sprintf("the file has more than %d rows; split it into several files", r.limits.MaxRows),
		}
		return nil, r.err
	}
	r.row.Number = r.pos.Row + 1
	r.pos = Position{Row: r.row.Number, Offset: r.win.offset, Line: r.line}
	return &r.row, nil
}

// readRow fills r.row, but for its number, with whatever stands at the first
// unread byte and moves past it.
func (r *Reader) readRow(b bounds) error {
	row, isWhole, err := r.findLine(b.ahead)
	if err != nil {
		return err
	}
	r.row = Row{Line: r.line, Offset: r.win.offset}
	if !isWhole {
		return r.skipRow(b)
	}
	state, column := r.split.split(r.win.unread()[:row.text])
	if state == open && row.next > row.text { // at the end of the file nothing can close it
		whole, isClosed, err := r.follow(row.next, b.ahead)
		if err != nil {
			return err
		}
		if isClosed {
			row, state = whole, closed
		}
		// Following may have moved the bytes under the cells.
		if row.text <= b.row {
			r.split.split(r.win.unread()[:row.text])
		}
	}
	data := r.win.unread()[:row.next]
	r.row.Raw = data[:row.text:row.text]
	switch {
	case row.text > b.row:
		r.row.Raw = beginning(r.row.Raw, b.row)
		r.split.split(r.row.Raw)
		r.row.Err = tooLong(b.row)
	case state == open:
		r.row.Err = malformed(column, "is not closed")
	case state == trailing:
		r.row.Err = malformed(column, "has text after its closing quote")
	}
	r.row.Cells = r.split.cells
	r.passed(data[row.text:])
	r.line += r.linesIn(data)
	r.win.advance(row.next)
	return nil
}

// skipRow passes over a line that does not fit the window.
func (r *Reader) skipRow(b bounds) error {
	r.prefix = append(r.prefix[:0], beginning(r.win.unread(), b.row)...)
	r.split.split(r.prefix)
	r.row.Raw, r.row.Cells, r.row.Err = r.prefix, r.split.cells, tooLong(b.row)
	if r.header == nil {
		return nil // the file is refused: no need to see the end of it
	}
	return r.skipLine()
}

// beginning cuts text to what is kept of a row over the limit, not through a
// character.
func beginning(text []byte, limit int) []byte {
	n := min(len(text), limit, keptBytes)
	for back := 1; back < utf8.UTFMax && back <= n; back++ {
		if utf8.RuneStart(text[n-back]) {
			if !utf8.FullRune(text[n-back : n]) {
				n -= back
			}
			break
		}
	}
	return text[:n:n]
}

// judge looks at the text of the cells of a row that is sound otherwise.
func (r *Reader) judge() error {
	limit := r.limits.MaxCellChars
	if len(r.row.Raw) > limit {
		for i, cell := range r.row.Cells {
			if len(cell) > limit && utf8.RuneCount(cell) > limit {
				return &RowError{
					Kind: CellTooLong, Column: i,
					Message: fmt.Sprintf("column %d has more than %d characters", i+1, limit),
				}
			}
		}
	}
	if isText(r.row.Raw) {
		return nil
	}
	for i, cell := range r.row.Cells {
		if !isText(cell) {
			return &RowError{
				Kind: InvalidText, Column: i,
				Message: fmt.Sprintf("column %d is not UTF-8 text; save the file as CSV UTF-8", i+1),
			}
		}
	}
	return nil
}

func isText(text []byte) bool {
	return utf8.Valid(text) && bytes.IndexByte(text, 0) < 0
}

func isBlank(cells [][]byte) bool {
	for _, cell := range cells {
		if len(cell) == 0 {
			continue
		}
		if c := cell[0]; c > ' ' && c < utf8.RuneSelf || len(bytes.TrimSpace(cell)) > 0 {
			return false
		}
	}
	return true
}
