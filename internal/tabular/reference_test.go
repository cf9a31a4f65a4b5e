package tabular_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"sluice/internal/tabular"
)

// plainRow is what the tests compare of a row: copies, not aliases.
type plainRow struct {
	Number, Line, Offset int64
	Cells                []string
	Raw                  string
	Kind                 tabular.RowErrorKind
	Column               int
}

func plain(row *tabular.Row) plainRow {
	out := plainRow{Number: row.Number, Line: row.Line, Offset: row.Offset, Raw: string(row.Raw), Cells: []string{}}
	for _, cell := range row.Cells {
		out.Cells = append(out.Cells, string(cell))
	}
	var fault *tabular.RowError
	if errors.As(row.Err, &fault) {
		out.Kind, out.Column = fault.Kind, fault.Column
	}
	return out
}

// readAll returns all rows and the position after each.
func readAll(tb testing.TB, r *tabular.Reader) ([]plainRow, []tabular.Position) {
	tb.Helper()
	rows := []plainRow{}
	after := []tabular.Position{}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, after
		}
		if err != nil {
			tb.Fatalf("reading row %d: %v", len(rows)+1, err)
		}
		rows = append(rows, plain(row))
		after = append(after, r.Position())
	}
}

// reference reads a whole file held in memory, byte by byte and in the most
// obvious way: what Reader must do, without its windows, chunks and shortcuts.
type reference struct {
	file   []byte
	loneCR bool
	limits tabular.Limits
}

// terminator returns the bytes of the line ending at i, 0 if there is none.
func (f *reference) terminator(i int) int {
	switch {
	case f.file[i] == '\n':
		return 1
	case f.file[i] != '\r':
		return 0
	case i+1 == len(f.file):
		return 1
	case f.file[i+1] == '\n':
		return 2
	case f.loneCR:
		return 1
	}
	return 0
}

// parse goes through the row at i by RFC 4180. ok is false where a quoted cell
// is not closed properly; column is then that cell.
func (f *reference) parse(i int) (cells []string, end, next, column int, ok bool) {
	for {
		var cell []byte
		if i < len(f.file) && f.file[i] == '"' {
			for i++; ; i++ {
				if i >= len(f.file) {
					return nil, 0, 0, len(cells), false
				}
				if f.file[i] != '"' {
					cell = append(cell, f.file[i])
					continue
				}
				if i+1 < len(f.file) && f.file[i+1] == '"' {
					cell = append(cell, '"')
					i++
					continue
				}
				i++
				break
			}
			if i < len(f.file) && f.file[i] != ',' && f.terminator(i) == 0 {
				return nil, 0, 0, len(cells), false
			}
		}
		for i < len(f.file) && f.file[i] != ',' && f.terminator(i) == 0 {
			cell = append(cell, f.file[i])
			i++
		}
		cells = append(cells, string(cell))
		if i == len(f.file) {
			return cells, i, i, -1, true
		}
		if n := f.terminator(i); n > 0 {
			return cells, i, i + n, -1, true
		}
		i++
	}
}

func (f *reference) lines(from, to int) (n int64) {
	for i := from; i < to; i++ {
		if f.file[i] == '\r' && i+1 == len(f.file) && !f.loneCR {
			continue
		}
		if t := f.terminator(i); t > 0 {
			n++
			i += t - 1
		}
	}
	return n
}

// rows reads the data rows from pos on. Cells of rows with a structural fault
// are left out: only best effort is promised for them.
func (f *reference) rows(pos tabular.Position) ([]plainRow, []tabular.Position) {
	rows := []plainRow{}
	after := []tabular.Position{}
	line, number := pos.Line, pos.Row
	for i := int(pos.Offset); i < len(f.file); {
		row := plainRow{Line: line, Offset: int64(i), Cells: []string{}}
		cells, end, next, _, ok := f.parse(i)
		if !ok || end-i > 4*f.limits.MaxRowBytes {
			lineEnd := i
			for lineEnd < len(f.file) && f.terminator(lineEnd) == 0 {
				lineEnd++
			}
			end, next = lineEnd, lineEnd
			if lineEnd < len(f.file) {
				next += f.terminator(lineEnd)
			}
			// The cell at fault is the one that is open or broken on the first line.
			firstLine := &reference{file: f.file[:next], loneCR: f.loneCR}
			_, _, _, column, _ := firstLine.parse(i)
			row.Kind, row.Column = tabular.Malformed, column
		}
		row.Raw = string(f.file[i:end])
		if end-i > f.limits.MaxRowBytes {
			row.Kind, row.Column = tabular.TooLong, -1
			row.Raw = row.Raw[:f.limits.MaxRowBytes]
		}
		line += f.lines(i, next)
		i = next
		if row.Kind == 0 {
			if len(bytes.TrimSpace([]byte(joined(cells)))) == 0 {
				continue
			}
			row.Cells = cells
			row.Kind, row.Column = f.judge(cells)
		}
		number++
		row.Number = number
		rows = append(rows, row)
		after = append(after, tabular.Position{Row: number, Offset: int64(next), Line: line})
	}
	return rows, after
}

func (f *reference) judge(cells []string) (tabular.RowErrorKind, int) {
	for i, cell := range cells {
		if utf8.RuneCountInString(cell) > f.limits.MaxCellChars {
			return tabular.CellTooLong, i
		}
	}
	for i, cell := range cells {
		if !utf8.ValidString(cell) || bytes.IndexByte([]byte(cell), 0) >= 0 {
			return tabular.InvalidText, i
		}
	}
	return 0, 0
}

func joined(cells []string) string {
	var all []byte
	for _, cell := range cells {
		all = append(all, cell...)
	}
	return string(all)
}
