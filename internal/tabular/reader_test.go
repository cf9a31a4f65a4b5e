package tabular_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"sluice/internal/tabular"
)

func open(t *testing.T, name string) *tabular.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	r, err := tabular.NewReader(f, tabular.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

func TestFiles(t *testing.T) {
	const bad, invalid = tabular.Malformed, tabular.InvalidText
	two := []plainRow{
		{Number: 1, Line: 2, Offset: 21, Cells: []string{"KC1", "Asha"}, Raw: "KC1,Asha"},
		{Number: 2, Line: 3, Offset: 30, Cells: []string{"KC2", "Ravi"}, Raw: "KC2,Ravi"},
	}
	for _, tt := range []struct {
		file, ending string
		names        []string
		headerLine   int64
		rows         []plainRow
	}{
		{"plain-lf.csv", "LF", []string{"customerId", "legalName"}, 1, two},
		{"plain-cr.csv", "CR", []string{"customerId", "legalName"}, 1, two},
		{"plain-crlf-bom.csv", "CRLF", []string{"customerId", "legalName"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 25, Cells: []string{"KC1", "Asha"}, Raw: "KC1,Asha"},
			{Number: 2, Line: 3, Offset: 35, Cells: []string{"KC2", "Ravi"}, Raw: "KC2,Ravi"},
		}},
		{"mixed-endings.csv", "mixed", []string{"customerId", "legalName"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 22, Cells: []string{"KC1", "Asha"}, Raw: "KC1,Asha"},
			{Number: 2, Line: 3, Offset: 31, Cells: []string{"KC2", "Ravi"}, Raw: "KC2,Ravi"},
		}},
		{"no-final-newline.csv", "LF", []string{"customerId", "legalName"}, 1, two[:1]},
		{"cut-inside-crlf.csv", "CRLF", []string{"customerId", "legalName"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 22, Cells: []string{"KC1", "Asha"}, Raw: `KC1,"Asha"`},
		}},
		{"lone-cr-is-text.csv", "LF", []string{"customerId", "address"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 19, Cells: []string{"KC1", "12 Main\rRoad"}, Raw: "KC1,12 Main\rRoad"},
		}},
		{"quoted-newline.csv", "CRLF", []string{"customerId", "address"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 20, Cells: []string{"KC1", "12 Main\r\nRoad\nPune"}, Raw: "KC1,\"12 Main\r\nRoad\nPune\""},
			{Number: 2, Line: 5, Offset: 46, Cells: []string{"KC2", "x"}, Raw: "KC2,x"},
		}},
		{"quoted-header.csv", "LF", []string{"customerId", `legal "Name"`, ""}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 31, Cells: []string{"KC1", "a, b", ""}, Raw: `"KC1","a, b",""`},
		}},
		{"quote-inside-cell.csv", "LF", []string{"customerId", "address"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 19, Cells: []string{"KC1", `5" pipe`}, Raw: `KC1,5" pipe`},
			{Number: 2, Line: 3, Offset: 31, Cells: []string{"KC2", ` "spaced"`}, Raw: `KC2, "spaced"`},
		}},
		{"stray-quote.csv", "LF", []string{"customerId", "address"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 19, Cells: []string{"KC1", "a"}, Raw: "KC1,a"},
			{Number: 2, Line: 3, Offset: 25, Cells: []string{"KC2", `"open`}, Raw: `KC2,"open`, Kind: bad, Column: 1},
			{Number: 3, Line: 4, Offset: 35, Cells: []string{"KC3", "c"}, Raw: "KC3,c"},
			{Number: 4, Line: 5, Offset: 41, Cells: []string{"KC4", "d"}, Raw: `KC4,"d"`},
			{Number: 5, Line: 6, Offset: 49, Cells: []string{"KC5", "e"}, Raw: "KC5,e"},
		}},
		{"stray-quote-last.csv", "LF", []string{"customerId", "address"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 19, Cells: []string{"KC1", "a"}, Raw: "KC1,a"},
			{Number: 2, Line: 3, Offset: 25, Cells: []string{"KC2", `"open`}, Raw: `KC2,"open`, Kind: bad, Column: 1},
		}},
		{"stray-quote-every-line.csv", "LF", []string{"customerId", "address"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 19, Cells: []string{"KC1", `"a`}, Raw: `KC1,"a`, Kind: bad, Column: 1},
			{Number: 2, Line: 3, Offset: 26, Cells: []string{"KC2", `"b`}, Raw: `KC2,"b`, Kind: bad, Column: 1},
			{Number: 3, Line: 4, Offset: 33, Cells: []string{"KC3", `"c`}, Raw: `KC3,"c`, Kind: bad, Column: 1},
			{Number: 4, Line: 5, Offset: 40, Cells: []string{"KC4", "d"}, Raw: "KC4,d"},
		}},
		{"text-after-quote.csv", "LF", []string{"customerId", "address", "state"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 25, Cells: []string{"KC1", `"a"b`, `"c"`}, Raw: `KC1,"a"b,"c"`, Kind: bad, Column: 1},
			{Number: 2, Line: 3, Offset: 38, Cells: []string{"KC2", "d", "e"}, Raw: "KC2,d,e"},
		}},
		{"blank-rows.csv", "CRLF", []string{"customerId", "address"}, 3, []plainRow{
			{Number: 1, Line: 5, Offset: 29, Cells: []string{"KC1", "a"}, Raw: "KC1,a"},
			{Number: 2, Line: 9, Offset: 49, Cells: []string{"KC2", "b"}, Raw: "KC2,b"},
		}},
		{"ragged.csv", "LF", []string{"a", "b", "c"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 6, Cells: []string{"1"}, Raw: "1"},
			{Number: 2, Line: 3, Offset: 8, Cells: []string{"1", "2", "3", "4", ""}, Raw: "1,2,3,4,"},
		}},
		{"invalid-text.csv", "LF", []string{"customerId", "address"}, 1, []plainRow{
			{Number: 1, Line: 4098, Offset: 4115, Cells: []string{"KC1", "a\x00b"}, Raw: "KC1,a\x00b", Kind: invalid, Column: 1},
			{Number: 2, Line: 4099, Offset: 4123, Cells: []string{"KC2", "caf\xe9"}, Raw: "KC2,caf\xe9", Kind: invalid, Column: 1},
			{Number: 3, Line: 4100, Offset: 4132, Cells: []string{"KC3", "café"}, Raw: "KC3,café"},
		}},
		{"white-space.csv", "LF", []string{" a ", "b"}, 1, []plainRow{
			{Number: 1, Line: 2, Offset: 6, Cells: []string{" x ", "\ty\t"}, Raw: " x ,\ty\t"},
		}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			r := open(t, tt.file)
			rows, _ := readAll(t, r)
			if diff := difference(tt.rows, rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if !reflect.DeepEqual(r.Header().Names, tt.names) || r.Header().Line != tt.headerLine {
				t.Errorf("header %q at line %d, want %q at line %d", r.Header().Names, r.Header().Line, tt.names, tt.headerLine)
			}
			want := tabular.Dialect{
				Format: "csv", Encoding: "UTF-8", Delimiter: ",", LineEnding: tt.ending, Confidence: 1,
				BOM: strings.Contains(tt.file, "bom"),
			}
			if got := r.Dialect(); got != want {
				t.Errorf("dialect %+v, want %+v", got, want)
			}
		})
	}
}

func TestFileErrors(t *testing.T) {
	limits := tabular.Limits{MaxColumns: 3, MaxHeaderBytes: 100, MaxCellChars: 20}
	for name, tt := range map[string]struct {
		file string
		kind tabular.FileErrorKind
		says string
	}{
		"nothing":                           {"", tabular.Empty, "header"},
		"byte_order_mark_alone":             {"\xEF\xBB\xBF", tabular.Empty, "header"},
		"blank_lines_alone":                 {"\n\r\n , \n\"\"\n", tabular.Empty, "header"},
		"too_many_columns":                  {"a,b,c,d\n", tabular.TooManyColumns, "4 columns"},
		"header_over_its_limit":             {strings.Repeat("a,", 51) + "\n", tabular.HeaderTooLarge, "100 bytes"},
		"header_without_end":                {strings.Repeat("a", 300<<10), tabular.HeaderTooLarge, "100 bytes"},
		"name_over_the_cell_limit":          {strings.Repeat("a", 21) + "\n", tabular.HeaderTooLarge, "20 characters"},
		"quoted_name_never_closed":          {"a,\"b\n1,2\n", tabular.HeaderMalformed, "column 2"},
		"text_after_quoted_name":            {"\"a\"b\n", tabular.HeaderMalformed, "column 1"},
		"latin_1_header":                    {"caf\xe9\n", tabular.UnsupportedEncoding, "UTF-8"},
		"utf_16_little_endian_mark":         {"\xFF\xFEa\x00", tabular.UnsupportedEncoding, "UTF-16"},
		"utf_16_big_endian_mark":            {"\xFE\xFF\x00a", tabular.UnsupportedEncoding, "UTF-16"},
		"utf_16_without_mark":               {"a\x00,\x00b\x00\n\x00", tabular.UnsupportedEncoding, "UTF-16"},
		"nul_byte":                          {"a,b\n1,\x002\n", tabular.Binary, "NUL"},
		"nul_byte_at_the_end_of_the_sniff":  {"a\n" + strings.Repeat("1", 4093) + "\x00", tabular.Binary, "NUL"},
		"xlsx":                              {"PK\x03\x04\x14\x00[Content_Types].xml", tabular.Binary, "XLSX"},
		"ods":                               {"PK\x03\x04\x14\x00mimetypeapplication/vnd.oasis.opendocument.spreadsheet", tabular.Binary, "ODS"},
		"zip":                               {"PK\x03\x04\x14\x00customers.csv", tabular.Binary, "zip"},
		"gzip":                              {"\x1f\x8b\x08", tabular.Binary, "gzip"},
		"compound_file":                     {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", tabular.Binary, "password"},
		"pdf":                               {"%PDF-1.7\n", tabular.Binary, "PDF"},
		"xlsx_with_bytes_one_at_a_time_too": {"PK\x03\x04 xl/workbook.xml", tabular.Binary, "XLSX"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tt.file), iotest.OneByteReader(strings.NewReader(tt.file))} {
				_, err := tabular.NewReader(src, limits)
				var refusal *tabular.FileError
				if !errors.As(err, &refusal) {
					t.Fatalf("got %v, want a FileError", err)
				}
				if refusal.Kind != tt.kind || !strings.Contains(refusal.Message, tt.says) {
					t.Errorf("got %v: %s; want %v and %q", refusal.Kind, refusal.Message, tt.kind, tt.says)
				}
			}
		})
	}
}

func TestHeaderOfExactlyTheLimitIsRead(t *testing.T) {
	name := strings.Repeat("a", 100)
	r, err := tabular.NewReader(strings.NewReader(name+"\r\n1\r\n"), tabular.Limits{MaxHeaderBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Header().Raw); got != name {
		t.Errorf("raw header %q", got)
	}
}

func TestTooManyRowsEndsTheFile(t *testing.T) {
	r, err := tabular.NewReader(strings.NewReader("a\n1\n\n2\n3\n4\n"), tabular.Limits{MaxRows: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the error stays
		_, err = r.Next()
		var refusal *tabular.FileError
		if !errors.As(err, &refusal) || refusal.Kind != tabular.TooManyRows || refusal.Limit != 2 || refusal.Size != 3 {
			t.Errorf("got %v", err)
		}
	}
	if got := r.Position().Row; got != 2 {
		t.Errorf("position after row %d, want 2", got)
	}
}

func TestRowsBeforeAReadErrorAreReturned(t *testing.T) {
	broken := errors.New("disk on fire")
	src := io.MultiReader(strings.NewReader("a,b\n1,2\n"+strings.Repeat("\n", 5000)+"3,\"4\n5,6"), iotest.ErrReader(broken))
	r, err := tabular.NewReader(src, tabular.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(); err != nil || string(row.Raw) != "1,2" {
		t.Fatalf("got %v, %v", row, err)
	}
	for range 2 { // whether the quote is closed cannot be told: not a row
		if _, err := r.Next(); !errors.Is(err, broken) {
			t.Errorf("got %v, want the source's error", err)
		}
	}
	if got := r.Position(); got != (tabular.Position{Row: 1, Offset: 8, Line: 3}) {
		t.Errorf("position %+v", got)
	}
	if _, err := tabular.NewReader(iotest.ErrReader(broken), tabular.Limits{}); !errors.Is(err, broken) {
		t.Errorf("got %v, want the source's error", err)
	}
}

func TestCellsOfARowAreLimitedInCharacters(t *testing.T) {
	fits, over := strings.Repeat("é", 32767), strings.Repeat("é", 32768)
	r, err := tabular.NewReader(strings.NewReader("a,b\n1,"+fits+"\n2,"+over+"\n3,\""+over+"\"\n"), tabular.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := readAll(t, r)
	for i, want := range []tabular.RowErrorKind{0, tabular.CellTooLong, tabular.CellTooLong} {
		if rows[i].Kind != want || want != 0 && rows[i].Column != 1 {
			t.Errorf("row %d: %v in column %d, want %v", i+1, rows[i].Kind, rows[i].Column, want)
		}
		if len(rows[i].Cells) != 2 {
			t.Errorf("row %d has %d cells", i+1, len(rows[i].Cells))
		}
	}
}
