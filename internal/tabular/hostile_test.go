package tabular_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"sluice/internal/tabular"
)

const mib = 1 << 20

// pattern is size bytes of one text, over and over, made as they are read.
func pattern(text string, size int64) io.Reader {
	return io.LimitReader(&endless{text: strings.Repeat(text, 64<<10/len(text)+1)}, size)
}

type endless struct {
	text string
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

func TestRowOverTheLimitFailsAlone(t *testing.T) {
	for name, long := range map[string]io.Reader{
		"line_of_300_MB":               pattern("x", 300*mib),
		"line_of_8_MB_of_cells":        pattern("x,", 8*mib),
		"line_of_8_MB_with_quotes":     pattern(`"x",`, 8*mib),
		"line_of_8_MB_never_closed":    io.MultiReader(strings.NewReader(`"`), pattern("x", 8*mib)),
		"line_just_over_the_limit":     pattern("x", 256<<10+1),
		"quoted_cell_over_the_limit":   io.MultiReader(strings.NewReader(`"`), pattern("x", 300<<10), strings.NewReader(`"`)),
		"quoted_lines_over_the_limit":  io.MultiReader(strings.NewReader(`"`), pattern("x\r\n", 900<<10), strings.NewReader(`"`)),
		"several_cells_over_the_limit": pattern("\"x\n\",", 900<<10),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			src := io.MultiReader(strings.NewReader("id,address\nKC1,a\nKC2,"), long, strings.NewReader("\nKC3,c\n"))
			r, err := tabular.NewReader(src, tabular.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			rows, _ := readAll(t, r)
			runtime.ReadMemStats(&after)
			if len(rows) != 3 {
				t.Fatalf("%d rows, want 3", len(rows))
			}
			if rows[1].Kind != tabular.TooLong || rows[1].Column != -1 {
				t.Errorf("the long row is %v in column %d", rows[1].Kind, rows[1].Column)
			}
			if len(rows[1].Raw) != 64<<10 || rows[1].Cells[0] != "KC2" {
				t.Errorf("%d bytes kept, first cell %q", len(rows[1].Raw), rows[1].Cells[0])
			}
			if rows[2].Kind != 0 || rows[2].Raw != "KC3,c" {
				t.Errorf("the row after it is %+v", rows[2])
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 16*mib {
				t.Errorf("%d bytes allocated over all", got)
			}
		})
	}
}

func TestLongestRowIsStillARow(t *testing.T) {
	cell := strings.Repeat("x", 30_000)
	long := strings.TrimSuffix(strings.Repeat(cell+",", 9), ",")[:256<<10]
	r, err := tabular.NewReader(strings.NewReader("a\n"+long+"\r\n"+long+"x\r\n"), tabular.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := readAll(t, r)
	if rows[0].Kind != 0 || rows[0].Raw != long {
		t.Errorf("row of the limit: %v, %d bytes", rows[0].Kind, len(rows[0].Raw))
	}
	if rows[1].Kind != tabular.TooLong {
		t.Errorf("row of one byte more: %v", rows[1].Kind)
	}
}

func TestKeptBeginningDoesNotCutACharacter(t *testing.T) {
	r, err := tabular.NewReader(strings.NewReader("a\nx"+strings.Repeat("€", 100_000)+"\n"), tabular.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := readAll(t, r)
	if got := len(rows[0].Raw); got != 1+(64<<10-1)/3*3 {
		t.Errorf("%d bytes kept", got)
	}
}

// A row that is never closed is looked into as far as the window goes. Were
// that done anew for each line, these files would take hours.
func TestQuotesThatNeverComeOutRightAreReadInLinearTime(t *testing.T) {
	const size = 2 * mib
	for name, text := range map[string]string{
		"closing_and_opening_on_every_line": "a\",\"b\n",
		"quote_at_the_end_of_every_line":    "ab,\"\n",
		"quote_alone_on_every_line":         "\"\n",
		"tripled_quote":                     "\"\"\"x\n",
		"one_quote_in_a_thousand_lines":     "a,\"\n" + strings.Repeat("a,b\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := tabular.NewReader(io.MultiReader(strings.NewReader("a,b\n1,\"\n"), pattern(text, size)), tabular.Limits{MaxRows: 1 << 40})
			if err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(time.Minute)
			for n := 0; ; n++ {
				if _, err := r.Next(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if n%1000 == 0 && time.Now().After(deadline) {
					t.Fatalf("at byte %d of %d after a minute", r.Position().Offset, size)
				}
			}
		})
	}
}
