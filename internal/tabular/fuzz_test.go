package tabular_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sluice/internal/tabular"
)

// FuzzReader reads any bytes under small limits: no panic, every byte is
// accounted for, rows agree with the reference, and chunks do not matter.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"", "a", "a,b\n1,2\n", "\xEF\xBB\xBFa\r\n\"1\r\n\"\r\n", "a\rb\r\"c\rd\"\r", "a,b\n1,\"x\n2,y\n", "a\n\"x\"y\n", "a\n\"\n\",\"",
		"a\n" + strings.Repeat("x", 300) + "\nb\n", "a\n\"" + strings.Repeat("x\n", 100) + "\"\nb\n", strings.Repeat("a,\"b\n", 2000),
	} {
		f.Add([]byte(seed), uint8(16))
	}
	f.Fuzz(func(t *testing.T, file []byte, maxRowBytes uint8) {
		limits := tabular.Limits{MaxRowBytes: int(maxRowBytes) + 1, MaxCellChars: 40, MaxHeaderBytes: 500}
		r, err := tabular.NewReader(bytes.NewReader(file), limits)
		if err != nil {
			var refusal *tabular.FileError
			if !errors.As(err, &refusal) || refusal.Message == "" {
				t.Fatalf("NewReader: %v", err)
			}
			return
		}
		start, loneCR := r.Position(), r.Dialect().LineEnding == tabular.LineEndingCR
		rows, after := readAll(t, r)
		checkOffsets(t, file, start, rows, after, limits.MaxRowBytes)

		ref := &reference{file: file, loneCR: loneCR, limits: limits}
		wantRows, wantAfter := ref.rows(start)
		// Where a row is cut the reference may cut through a character.
		for i := range wantRows {
			if i < len(rows) && wantRows[i].Kind == tabular.TooLong && strings.HasPrefix(wantRows[i].Raw, rows[i].Raw) && len(wantRows[i].Raw)-len(rows[i].Raw) < 4 {
				wantRows[i].Raw = rows[i].Raw
			}
		}
		if diff := difference(wantRows, withoutBestEffort(rows)) + difference(wantAfter, after); diff != "" {
			t.Fatalf("(-reference +reader):\n%s", diff)
		}
		slow, err := tabular.NewReader(iotest.OneByteReader(bytes.NewReader(file)), limits)
		if err != nil {
			t.Fatalf("one byte at a time: %v", err)
		}
		slowRows, slowAfter := readAll(t, slow)
		if diff := difference(rows, withoutBestEffort(slowRows)) + difference(after, slowAfter); diff != "" {
			t.Fatalf("(-whole +one byte at a time):\n%s", diff)
		}
	})
}

// checkOffsets puts the file together again from its rows: between them there
// may be nothing but line endings and blank rows.
func checkOffsets(t *testing.T, file []byte, start tabular.Position, rows []plainRow, after []tabular.Position, maxRowBytes int) {
	t.Helper()
	at := start.Offset
	for i, row := range rows {
		if gap := file[at:row.Offset]; len(bytes.TrimSpace(bytes.ReplaceAll(bytes.ReplaceAll(gap, []byte(","), nil), []byte("\""), nil))) > 0 {
			t.Fatalf("row %d: %q was passed over", row.Number, gap)
		}
		if !bytes.HasPrefix(file[row.Offset:], []byte(row.Raw)) {
			t.Fatalf("row %d is not what stands at byte %d", row.Number, row.Offset)
		}
		if len(row.Raw) > maxRowBytes {
			t.Fatalf("row %d: %d bytes kept", row.Number, len(row.Raw))
		}
		end := row.Offset + int64(len(row.Raw))
		terminator := file[end:after[i].Offset]
		if row.Kind != tabular.TooLong && len(bytes.Trim(terminator, "\r\n")) > 0 || len(terminator) > 2 && row.Kind != tabular.TooLong {
			t.Fatalf("row %d ends with %q", row.Number, terminator)
		}
		at = after[i].Offset
	}
	if rest := file[at:]; len(bytes.Trim(rest, "\r\n\t\v\f ,\"\u0085\u00a0\u3000\u1680\u2028\u2029\u202f\u205f\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a")) > 0 {
		t.Fatalf("%q was not read", rest)
	}
}

// FuzzWriter writes two cells and reads them back.
func FuzzWriter(f *testing.F) {
	f.Add("a", "b", true)
	f.Add("'=1", "\r\n", false)
	f.Fuzz(func(t *testing.T, a, b string, isInert bool) {
		var file bytes.Buffer
		w := tabular.NewWriter(&file, tabular.Dialect{LineEnding: tabular.LineEndingLF})
		if err := w.WriteCells([]byte("x"), []byte("y")); err != nil {
			t.Fatal(err)
		}
		for _, cell := range []string{"1", a, b} {
			if isInert {
				w.InertCell([]byte(cell))
			} else {
				w.Cell([]byte(cell))
			}
		}
		if err := errors.Join(w.EndRow(), w.Flush()); err != nil {
			t.Fatal(err)
		}
		r := tabular.Resume(bytes.NewReader(file.Bytes()[4:]), nil, tabular.Position{Offset: 4, Line: 2}, tabular.Limits{})
		row, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if len(row.Cells) != 3 {
			return // over a limit
		}
		for i, want := range []string{"1", a, b} {
			got := row.Cells[i]
			if isInert {
				got = tabular.Uninert(got)
			}
			if string(got) != want {
				t.Fatalf("cell %d is %q, was %q", i, got, want)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the row: %v", err)
		}
	})
}
