package tabular

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
)

const writeBytes = 64 << 10

// Writer writes rows in a dialect. Cells are quoted only where reading them
// back needs it. A row is the cells between two calls of EndRow. Nothing
// allocates once the buffer has grown to the longest row. It is not safe for
// concurrent use.
type Writer struct {
	dst     io.Writer
	buf     []byte
	text    []byte // of Text, as bytes
	delim   byte
	ending  string
	isBegun bool // the current row has a cell
	isFresh bool // not one byte was written: a BOM would be taken for the file's
	err     error
}

// NewWriter writes a byte-order mark first if the dialect has one. Where the
// line ending is "" or "mixed" it is CRLF, as in RFC 4180; pass a header's
// dialect to keep that of a file's first line.
func NewWriter(dst io.Writer, d Dialect) *Writer {
	w := &Writer{dst: dst, buf: make([]byte, 0, writeBytes+4<<10), delim: comma[0], ending: "\r\n", isFresh: true}
	if len(d.Delimiter) == 1 {
		w.delim = d.Delimiter[0]
	}
	switch d.LineEnding {
	case LineEndingLF:
		w.ending = "\n"
	case LineEndingCR:
		w.ending = "\r"
	}
	if d.BOM {
		w.buf = append(w.buf, utf8BOM...)
		w.isFresh = false
	}
	return w
}

// Cell adds a cell to the current row.
func (w *Writer) Cell(cell []byte) { w.add(cell, false) }

// InertCell adds a cell as result files hold it; see Inert.
func (w *Writer) InertCell(cell []byte) { w.add(cell, Inert(cell)) }

// Text adds a cell to the current row.
func (w *Writer) Text(cell string) {
	w.text = append(w.text[:0], cell...)
	w.Cell(w.text)
}

// Int adds a number as a cell to the current row.
func (w *Writer) Int(n int64) {
	w.separate()
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

// Raw adds cells that are written down already: a Row.Raw of the same
// dialect, or several cells of it. The bytes are copied as they are, so a
// malformed row stays malformed, and may then spoil the rows after it for
// readers that do not recover.
func (w *Writer) Raw(raw []byte) {
	w.separate()
	w.buf = append(w.buf, raw...)
}

// EndRow ends the current row. The error is of the destination, wrapped, and
// stays; it may belong to earlier rows.
func (w *Writer) EndRow() error {
	w.buf = append(w.buf, w.ending...)
	w.isBegun, w.isFresh = false, false
	if len(w.buf) >= writeBytes {
		return w.Flush()
	}
	return w.err
}

// WriteCells adds cells to the current row and ends it.
func (w *Writer) WriteCells(cells ...[]byte) error {
	for _, cell := range cells {
		w.Cell(cell)
	}
	return w.EndRow()
}

// Flush hands everything written so far to the destination.
func (w *Writer) Flush() error {
	if w.err != nil {
		w.buf = w.buf[:0]
		return w.err
	}
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.dst.Write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		w.err = fmt.Errorf("writing rows: %w", err)
	}
	return w.err
}

func (w *Writer) separate() {
	if w.isBegun {
		w.buf = append(w.buf, w.delim)
	}
	w.isBegun = true
}

func (w *Writer) add(cell []byte, isPrefixed bool) {
	isFirst := w.isFresh && !w.isBegun
	w.separate()
	if len(cell) == 0 {
		return
	}
	isQuoted := w.needsQuotes(cell, isPrefixed) || isFirst && bytes.HasPrefix(cell, []byte(utf8BOM))
	if isQuoted {
		w.buf = append(w.buf, '"')
	}
	if isPrefixed {
		w.buf = append(w.buf, '\'')
	}
	if !isQuoted {
		w.buf = append(w.buf, cell...)
		return
	}
	for {
		k := bytes.IndexByte(cell, '"')
		if k < 0 {
			break
		}
		w.buf = append(w.buf, cell[:k+1]...)
		w.buf = append(w.buf, '"')
		cell = cell[k+1:]
	}
	w.buf = append(w.buf, cell...)
	w.buf = append(w.buf, '"')
}

// needsQuotes reports whether the cell would not be read back as it is without
// quotes, or not by every program: many drop white space at the ends.
func (w *Writer) needsQuotes(cell []byte, isPrefixed bool) bool {
	if isSpace(cell[len(cell)-1]) || isSpace(cell[0]) && !isPrefixed {
		return true
	}
	delims, quotes, crs, lfs := repeated(w.delim), repeated('"'), repeated('\r'), repeated('\n')
	i := 0
	for ; i+8 <= len(cell); i += 8 {
		word := binary.LittleEndian.Uint64(cell[i:])
		if zeroBytes(word^delims)|zeroBytes(word^quotes)|zeroBytes(word^crs)|zeroBytes(word^lfs) != 0 {
			return true
		}
	}
	for ; i < len(cell); i++ {
		switch cell[i] {
		case w.delim, '"', '\r', '\n':
			return true
		}
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
