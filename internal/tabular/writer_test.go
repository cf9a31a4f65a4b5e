package tabular_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"sluice/internal/tabular"
)

func TestWriterQuotesOnlyWhereNeeded(t *testing.T) {
	for name, tt := range map[string]struct {
		dialect tabular.Dialect
		cells   []string
		want    string
	}{
		"plain_cells":                  {tabular.Dialect{LineEnding: "LF"}, []string{"a", "", "b c"}, "a,,b c\n"},
		"delimiter_quote_and_endings":  {tabular.Dialect{LineEnding: "LF"}, []string{"a,b", `5" pipe`, "x\r\ny", "cr\r"}, "\"a,b\",\"5\"\" pipe\",\"x\r\ny\",\"cr\r\"\n"},
		"space_at_either_end":          {tabular.Dialect{LineEnding: "LF"}, []string{" a", "b ", "\tc", "d e"}, "\" a\",\"b \",\"\tc\",d e\n"},
		"crlf":                         {tabular.Dialect{LineEnding: "CRLF"}, []string{"a"}, "a\r\n"},
		"cr":                           {tabular.Dialect{LineEnding: "CR"}, []string{"a"}, "a\r"},
		"mixed_is_crlf":                {tabular.Dialect{LineEnding: "mixed"}, []string{"a"}, "a\r\n"},
		"unknown_is_crlf":              {tabular.Dialect{}, []string{"a"}, "a\r\n"},
		"byte_order_mark":              {tabular.Dialect{BOM: true}, []string{"a"}, "\xEF\xBB\xBFa\r\n"},
		"other_delimiter":              {tabular.Dialect{Delimiter: ";"}, []string{"a;b", "c,d"}, "\"a;b\";c,d\r\n"},
		"cell_that_begins_with_a_mark": {tabular.Dialect{}, []string{"\uFEFFa", "\uFEFFb"}, "\"\uFEFFa\",\uFEFFb\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := tabular.NewWriter(&out, tt.dialect)
			cells := [][]byte{}
			for _, cell := range tt.cells {
				cells = append(cells, []byte(cell))
			}
			if err := errors.Join(w.WriteCells(cells...), w.Flush()); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestInertCells(t *testing.T) {
	for name, tt := range map[string]struct{ cell, want string }{
		"formula":            {"=1+1", "'=1+1"},
		"phone":              {"+919876543210", "'+919876543210"},
		"negative_number":    {"-5", "'-5"},
		"at_sign":            {"@x", "'@x"},
		"apostrophe":         {"'x", "''x"},
		"tab":                {"\tx", "'\tx"},
		"line_ending":        {"\nx", "\"'\nx\""},
		"plain_cell":         {"x=1", "x=1"},
		"empty_cell":         {"", ""},
		"space_then_formula": {" =1", "\" =1\""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := tabular.NewWriter(&out, tabular.Dialect{LineEnding: "LF"})
			w.InertCell([]byte(tt.cell))
			if err := errors.Join(w.EndRow(), w.Flush()); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != tt.want+"\n" {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for cell, want := range map[string]string{"'+91": "+91", "'name": "'name", "'": "'", "''x": "'x", "": "", "x": "x"} {
		if got := string(tabular.Uninert([]byte(cell))); got != want {
			t.Errorf("Uninert(%q) is %q, want %q", cell, got, want)
		}
	}
}

func TestPrefixCellsAndRawMakeOneRow(t *testing.T) {
	var out bytes.Buffer
	w := tabular.NewWriter(&out, tabular.Dialect{LineEnding: "LF"})
	w.Int(7)
	w.Text("REQUIRED; TOO_LONG")
	w.Text("")
	w.Raw([]byte(`KC1,"a ""b""",`))
	if err := errors.Join(w.EndRow(), w.Flush()); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "7,REQUIRED; TOO_LONG,,KC1,\"a \"\"b\"\"\",\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWriteErrorStays(t *testing.T) {
	r, dst := io.Pipe()
	full := errors.New("disk full")
	_ = r.CloseWithError(full)
	w := tabular.NewWriter(dst, tabular.Dialect{})
	w.Text("a")
	if err := w.EndRow(); err != nil {
		t.Fatalf("a buffered row: %v", err)
	}
	for range 2 {
		if err := w.Flush(); !errors.Is(err, full) {
			t.Errorf("got %v, want the destination's error", err)
		}
	}
	if err := w.EndRow(); !errors.Is(err, full) {
		t.Errorf("a later row: %v, want the destination's error", err)
	}
}

func TestWritingDoesNotAllocate(t *testing.T) {
	w := tabular.NewWriter(io.Discard, tabular.Dialect{})
	cells := [][]byte{[]byte("KC1"), []byte("a, b"), []byte("+91")}
	allocs := testing.AllocsPerRun(10_000, func() {
		w.Int(42)
		w.Text("APPLIED")
		for _, cell := range cells {
			w.InertCell(cell)
		}
		if err := w.EndRow(); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations a row", allocs)
	}
}
