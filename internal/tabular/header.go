package tabular

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// NewReader detects the dialect and reads the header. The error is a
// *FileError if the file as a whole is refused, otherwise what src returned,
// wrapped.
func NewReader(src io.Reader, limits Limits) (*Reader, error) {
	r := newReader(src, 0, limits)
	r.line = 1
	for len(r.win.unread()) < sniffBytes && r.win.more() {
		continue
	}
	if r.win.err != nil && !r.win.atEOF() {
		return nil, r.win.err
	}
	start := r.win.unread()
	if refusal := sniff(start[:min(len(start), sniffBytes)]); refusal != nil {
		return nil, refusal
	}
	hasBOM := bytes.HasPrefix(start, []byte(utf8BOM))
	if hasBOM {
		r.win.advance(len(utf8BOM))
	}
	r.loneCR = true // until the header's own ending is known
	if err := r.readHeader(); err != nil {
		return nil, err
	}
	r.header.Dialect.BOM = hasBOM
	r.loneCR = r.header.Dialect.LineEnding == LineEndingCR
	r.ahead = lookAhead{}
	r.pos = Position{Offset: r.win.offset, Line: r.line}
	return r, nil
}

// readHeader takes the first row that is not blank.
func (r *Reader) readHeader() error {
	limit := r.limits.MaxHeaderBytes
	for {
		r.seen = 0
		err := r.readRow(bounds{row: limit, ahead: limit})
		if errors.Is(err, io.EOF) {
			return &FileError{Kind: Empty, Message: "the file is empty; it needs a header and at least one row"}
		}
		if err != nil {
			return err
		}
		if r.row.Err != nil || !isBlank(r.row.Cells) {
			break
		}
	}
	if r.row.Err == nil {
		r.row.Err = r.judge()
	}
	if r.row.Err != nil {
		return r.refuseHeader()
	}
	if n := len(r.row.Cells); n > r.limits.MaxColumns {
		return &FileError{
			Kind: TooManyColumns, Limit: int64(r.limits.MaxColumns), Size: int64(n),
			Message: fmt.Sprintf("the header has %d columns, at most %d are allowed; leave out the columns that are not needed", n, r.limits.MaxColumns),
		}
	}
	r.header = &Header{
		Names: make([]string, len(r.row.Cells)),
		Raw:   bytes.Clone(r.row.Raw),
		Line:  r.row.Line,
		Dialect: Dialect{
			Format: FormatCSV, Encoding: EncodingUTF8, Delimiter: comma,
			LineEnding: r.seen.String(), Confidence: 1,
		},
	}
	for i, name := range r.row.Cells {
		r.header.Names[i] = string(name)
	}
	return nil
}

// refuseHeader says of the whole file what r.row.Err says of the header row.
func (r *Reader) refuseHeader() error {
	var fault *RowError
	if !errors.As(r.row.Err, &fault) {
		return r.row.Err
	}
	limit := r.limits.MaxHeaderBytes
	switch fault.Kind {
	case TooLong:
		return &FileError{
			Kind: HeaderTooLarge, Limit: int64(limit), Size: int64(limit) + 1,
			Message: fmt.Sprintf("the header is longer than %d bytes; the first line must hold the column names alone", limit),
		}
	case CellTooLong:
		return &FileError{
			Kind: HeaderTooLarge, Limit: int64(r.limits.MaxCellChars), Size: int64(r.limits.MaxCellChars) + 1,
			Message: "in the header, " + fault.Message,
		}
	case Malformed:
		return &FileError{Kind: HeaderMalformed, Message: "in the header, " + fault.Message}
	case InvalidText:
		return &FileError{Kind: UnsupportedEncoding, Message: "the header is not UTF-8 text; save the file as CSV UTF-8"}
	}
	return fault
}
