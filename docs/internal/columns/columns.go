// Package columns makes docs/columns.md: the sections written by hand in
// columns.md.tmpl, with the tables of columns and codes made from the rules that
// judge a file.
package columns

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"sluice/internal/bulk"
	"sluice/internal/config"
	"sluice/internal/customer"
	"sluice/internal/tabular"
)

//go:embed columns.md.tmpl
var page string

// values are what the page takes from the code.
type values struct {
	Columns      string // table
	Codes        string // table
	Null         string
	Repeats      []bulk.RepeatRule
	Empties      []bulk.EmptyRule
	MaxBytes     config.Size
	MaxRows      string
	MaxColumns   int
	MaxCellChars string
	MaxRowKiB    int
	HeaderMiB    int
}

// Markdown returns the document.
func Markdown() ([]byte, error) {
	t, err := template.New("columns.md").Parse(page)
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	codes, err := codeTable()
	if err != nil {
		return nil, err
	}
	c, limits := config.Default(), tabular.DefaultLimits()
	var out bytes.Buffer
	err = t.Execute(&out, values{
		Columns: strings.TrimSpace(customer.MarkdownTable()), Codes: codes, Null: customer.Null,
		Repeats:  []bulk.RepeatRule{bulk.RepeatLastWins, bulk.RepeatFirstWins, bulk.RepeatReject},
		Empties:  []bulk.EmptyRule{bulk.EmptyLeave, bulk.EmptyClear},
		MaxBytes: c.MaxUploadBytes, MaxRows: grouped(c.MaxRows), MaxColumns: c.MaxColumns,
		MaxCellChars: grouped(c.MaxCellChars), MaxRowKiB: limits.MaxRowBytes >> 10, HeaderMiB: limits.MaxHeaderBytes >> 20,
	})
	if err != nil {
		return nil, fmt.Errorf("filling the template: %w", err)
	}
	return out.Bytes(), nil
}

// codeTable lists every code with what to do about it.
func codeTable() (string, error) {
	var b strings.Builder
	b.WriteString("| code | kind | what it says | what to do |\n|---|---|---|---|")
	todo := remedies()
	for _, c := range customer.Codes() {
		what, ok := todo[c.Code]
		if !ok {
			return "", fmt.Errorf("code %s has no remedy: add one to remedies", c.Code)
		}
		fmt.Fprintf(&b, "\n| `%s` | %s | %s | %s |", c.Code, c.Severity, c.Text, what)
		delete(todo, c.Code)
	}
	for code := range todo {
		return "", fmt.Errorf("code %s has a remedy but is not in customer.Codes", code)
	}
	return b.String(), nil
}

// grouped writes a number as people read it.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
