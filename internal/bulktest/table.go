package bulktest

import (
	"bytes"
	"strings"
)

// Table builds a CSV file. Cells are quoted where they must be.
type Table struct {
	// EOL ends each line; empty: "\n".
	EOL string
	// BOM puts a byte-order mark in front.
	BOM bool

	lines [][]byte
}

// NewTable begins a file with its header.
func NewTable(header ...string) *Table { return (&Table{}).Row(header...) }

// Row appends a row.
func (t *Table) Row(cells ...string) *Table {
	var line []byte
	for i, cell := range cells {
		if i > 0 {
			line = append(line, ',')
		}
		if strings.ContainsAny(cell, ",\"\r\n") {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		line = append(line, cell...)
	}
	t.lines = append(t.lines, line)
	return t
}

// Raw appends a line as it is, such as a broken one.
func (t *Table) Raw(line string) *Table {
	t.lines = append(t.lines, []byte(line))
	return t
}

// Rows counts what was appended below the header.
func (t *Table) Rows() int { return len(t.lines) - 1 }

// Bytes is the file.
func (t *Table) Bytes() []byte {
	eol := t.EOL
	if eol == "" {
		eol = "\n"
	}
	var b bytes.Buffer
	if t.BOM {
		b.WriteString("\ufeff")
	}
	for _, line := range t.lines {
		b.Write(line)
		b.WriteString(eol)
	}
	return b.Bytes()
}
