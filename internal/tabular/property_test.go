package tabular_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"

	"sluice/internal/tabular"
)

// messy draws the rows of a file in which quotes, line endings and limits meet
// in every way. Pieces are ASCII so that cutting a row at a limit is exact.
func messy(t *rapid.T) string {
	piece := rapid.SampledFrom([]string{
		"a", "bc", "1", " ", ",", ",", "\"", "\"", "\"\"", "\n", "\n", "\r\n", "\r", ",\"", "\",", "\"\n", "\n\"", "x,y\n", "\x00", "abcdefghijklmnop",
	})
	return strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "pieces"), "")
}

func drawHeader(t *rapid.T) string {
	return rapid.SampledFrom([]string{"h,i\n", "h,i\r\n", "h,i\r", "\n\r\nh,\"i\nj\"\n"}).Draw(t, "header")
}

func smallLimits(t *rapid.T) tabular.Limits {
	return tabular.Limits{
		MaxRowBytes:  rapid.SampledFrom([]int{8, 16, 64, 1 << 10}).Draw(t, "max row bytes"),
		MaxCellChars: rapid.SampledFrom([]int{4, 12, 32767}).Draw(t, "max cell chars"),
	}
}

// withoutBestEffort drops what is not promised of rows with a bad structure.
func withoutBestEffort(rows []plainRow) []plainRow {
	for i := range rows {
		if k := rows[i].Kind; k == tabular.Malformed || k == tabular.TooLong {
			rows[i].Cells = []string{}
		}
	}
	return rows
}

// text that NewReader does not take for binary: NUL bytes come after 4 KB.
func padded(header, body string) string {
	if !strings.Contains(body, "\x00") {
		return header + body
	}
	end := "\n"
	if strings.HasSuffix(header, "\r") {
		end = "\r"
	}
	return header + strings.Repeat(end, 4<<10) + body
}

func TestReaderAgreesWithTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := padded(drawHeader(t), messy(t))
		limits := smallLimits(t)
		r, err := tabular.NewReader(strings.NewReader(file), limits)
		if err != nil {
			t.Fatalf("reading the header: %v", err)
		}
		ref := &reference{file: []byte(file), loneCR: r.Dialect().LineEnding == tabular.LineEndingCR, limits: limits}
		wantRows, wantAfter := ref.rows(r.Position())
		rows, after := readAllRapid(t, r)
		if diff := difference(wantRows, withoutBestEffort(rows)); diff != "" {
			t.Fatalf("rows of %q (-reference +reader):\n%s", file, diff)
		}
		if diff := difference(wantAfter, after); diff != "" {
			t.Fatalf("positions in %q (-reference +reader):\n%s", file, diff)
		}
	})
}

func TestRowsDoNotDependOnChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := padded(drawHeader(t), strings.Repeat(messy(t), rapid.SampledFrom([]int{1, 1, 200}).Draw(t, "times")))
		limits := smallLimits(t)
		whole, err := tabular.NewReader(strings.NewReader(file), limits)
		if err != nil {
			t.Fatalf("reading the header: %v", err)
		}
		want, wantAfter := readAllRapid(t, whole)
		for name, src := range map[string]io.Reader{
			"one byte":     iotest.OneByteReader(strings.NewReader(file)),
			"half":         iotest.HalfReader(strings.NewReader(file)),
			"data and EOF": iotest.DataErrReader(strings.NewReader(file)),
			"drawn":        &chunkReader{rest: file, sizes: rapid.SliceOfN(rapid.IntRange(0, 50), 1, 10).Draw(t, "sizes")},
		} {
			r, err := tabular.NewReader(src, limits)
			if err != nil {
				t.Fatalf("%s: reading the header: %v", name, err)
			}
			got, after := readAllRapid(t, r)
			if diff := difference(want, got) + difference(wantAfter, after); diff != "" {
				t.Fatalf("%s: rows differ (-whole +chunks):\n%s", name, diff)
			}
			if whole.Dialect() != r.Dialect() {
				t.Fatalf("%s: dialect %v, whole %v", name, r.Dialect(), whole.Dialect())
			}
		}
	})
}

func TestResumeAtAnyPositionYieldsTheRemainingRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := padded(drawHeader(t), messy(t))
		limits := smallLimits(t)
		r, err := tabular.NewReader(strings.NewReader(file), limits)
		if err != nil {
			t.Fatalf("reading the header: %v", err)
		}
		header, start := r.Header(), r.Position()
		rows, after := readAllRapid(t, r)
		for i, pos := range append([]tabular.Position{start}, after...) {
			resumed := tabular.Resume(strings.NewReader(file[pos.Offset:]), header, pos, limits)
			got, gotAfter := readAllRapid(t, resumed)
			if diff := difference(rows[i:], got) + difference(after[i:], gotAfter); diff != "" {
				t.Fatalf("resumed after row %d of %q (-whole +resumed):\n%s", i, file, diff)
			}
		}
	})
}

func TestWrittenTableReadsBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.OneOf(
			rapid.SampledFrom([]string{"", " ", "\"", "\r", "\n", "\r\n", ",", "'", "=1+1", " x ", "\uFEFF", "\"\"", "-5"}),
			rapid.String(),
		).Filter(func(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") })
		table := rapid.SliceOfN(rapid.SliceOfN(cell, 1, 6), 0, 20).Draw(t, "table")
		dialect := tabular.Dialect{
			BOM:        rapid.Bool().Draw(t, "bom"),
			LineEnding: rapid.SampledFrom([]string{"", "LF", "CRLF", "CR", "mixed"}).Draw(t, "ending"),
		}
		first := rapid.SampledFrom([]string{"name", "\uFEFFname", "na\r\nme", " name"}).Draw(t, "first name")
		isInert := rapid.Bool().Draw(t, "inert")

		var file bytes.Buffer
		w := tabular.NewWriter(&file, dialect)
		w.Text(first)
		if err := w.WriteCells([]byte("other")); err != nil {
			t.Fatal(err)
		}
		want := [][]string{}
		for _, row := range table {
			for _, c := range row {
				if isInert {
					w.InertCell([]byte(c))
				} else {
					w.Cell([]byte(c))
				}
			}
			if err := w.EndRow(); err != nil {
				t.Fatal(err)
			}
			// A cell of one line ending is not blank with a ' before it.
			if strings.TrimSpace(joined(row)) != "" || isInert && startsActive(row) {
				want = append(want, row)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}

		r, err := tabular.NewReader(&file, tabular.Limits{})
		if err != nil {
			t.Fatalf("reading the header: %v", err)
		}
		if diff := difference([]string{first, "other"}, r.Header().Names); diff != "" {
			t.Fatalf("names (-written +read):\n%s", diff)
		}
		got := [][]string{}
		rows, _ := readAllRapid(t, r)
		for _, row := range rows {
			if row.Kind != 0 {
				t.Fatalf("row %d: %v in column %d", row.Number, row.Kind, row.Column)
			}
			if isInert {
				for i := range row.Cells {
					row.Cells[i] = string(tabular.Uninert([]byte(row.Cells[i])))
				}
			}
			got = append(got, row.Cells)
		}
		if diff := difference(want, got); diff != "" {
			t.Fatalf("rows (-written +read):\n%s", diff)
		}
	})
}

func TestUninertUndoesInert(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := []byte(rapid.StringMatching(`['=+\-@a\t\r\n ]{0,5}`).Draw(t, "cell"))
		written := cell
		if tabular.Inert(cell) {
			written = append([]byte{'\''}, cell...)
		}
		if got := tabular.Uninert(written); !bytes.Equal(got, cell) {
			t.Fatalf("%q is written %q and read back %q", cell, written, got)
		}
	})
}

// chunkReader delivers sizes[0], sizes[1], … bytes, over and over; a size of 0
// is a read of nothing.
type chunkReader struct {
	rest  string
	sizes []int
	reads int
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if c.rest == "" {
		return 0, io.EOF
	}
	size := c.sizes[c.reads%len(c.sizes)]
	if c.reads%len(c.sizes) == 0 {
		size = max(size, 1)
	}
	c.reads++
	n := copy(p[:min(len(p), size)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func readAllRapid(t *rapid.T, r *tabular.Reader) ([]plainRow, []tabular.Position) {
	rows := []plainRow{}
	after := []tabular.Position{}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, after
		}
		if err != nil {
			t.Fatalf("reading row %d: %v", len(rows)+1, err)
		}
		rows = append(rows, plain(row))
		after = append(after, r.Position())
	}
}

func startsActive(row []string) bool {
	return slices.ContainsFunc(row, func(cell string) bool { return tabular.Inert([]byte(cell)) })
}

// difference says where want and got part, "" if they do not.
func difference[T any](want, got []T) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			return fmt.Sprintf("[%d]: +%+v\n", i, got[i])
		case i >= len(got):
			return fmt.Sprintf("[%d]: -%+v\n", i, want[i])
		case !reflect.DeepEqual(want[i], got[i]):
			return fmt.Sprintf("[%d]: -%+v\n     +%+v\n", i, want[i], got[i])
		}
	}
	return ""
}
