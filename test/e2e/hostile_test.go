package e2e_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// spaces is an endless text without line breaks.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// streamed is an upload whose file is made while it is sent.
func streamed(u upload, file func() io.Reader) call {
	k := u.call()
	whole := k.body
	k.length = -1
	k.body = func() io.Reader {
		form, err := io.ReadAll(whole())
		if err != nil {
			return strings.NewReader(err.Error()) // cannot be: it is in memory
		}
		head, tail, _ := strings.Cut(string(form), "\r\n\r\n")
		return io.MultiReader(strings.NewReader(head+"\r\n\r\n"), file(), strings.NewReader(tail))
	}
	return k
}

// peakMemory is the most resident memory the server's process had, in bytes.
func (s *server) peakMemory() int64 {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		s.t.Fatalf("no VmHWM in %s", status)
	}
	kb, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return kb << 10
}

// TestI11LineOf300MBFailsAloneInBoundedMemory is I11 for the worst line, and the
// same line as a header, which refuses the file.
func TestI11LineOf300MBFailsAloneInBoundedMemory(t *testing.T) {
	const size, most = 300_000_000, 250_000_000
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName", customerID(1)+",One", customerID(3)+",Three"))
		line := func() io.Reader { return io.LimitReader(endless{}, size) }
		r := s.final(s.do(streamed(upload{header: headers("Prefer", "wait=60")}, func() io.Reader {
			return io.MultiReader(strings.NewReader(lines("customerId,legalName", customerID(1)+",First")+customerID(2)+","),
				line(), strings.NewReader("\n"+customerID(3)+",Third\n"))
		})))
		if r.Total != 3 || r.Success != 2 || r.Failure != 1 {
			t.Fatalf("of 3 rows %d succeeded and %d failed: %.300s", r.Success, r.Failure, r.raw)
		}
		if failed := r.FailureRequests[0]; failed["row"] != 2.0 || failed["line"] != 3.0 || failed.codes(t, "errors") != "TOO_LONG" {
			t.Errorf("the failed row is %.300v", failed)
		}
		a := s.do(streamed(upload{}, func() io.Reader { return io.MultiReader(strings.NewReader("customerId,"), line()) }))
		(&refusal{status: 422, kind: unprocessable, says: "column names alone"}).check(t, a)
		if peak := s.peakMemory(); peak > most {
			t.Errorf("the process took %d MB at its peak, want at most %d MB", peak/1e6, most/1_000_000)
		}
	})
}

// TestBadRowFailsAlone has rows that no rule of a column speaks of.
func TestBadRowFailsAlone(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	filler := strings.Repeat("y", 900)
	rows := []struct{ name, cells, code string }{
		{"good_row", "First," + filler, ""},
		{"row_over_256_KB", "Second," + long, "TOO_LONG"},
		{"row_of_many_cells_over_256_KB", "Third," + strings.Repeat("cell,", 60_000), "TOO_LONG"},
		{"cell_over_32767_characters", "Fourth," + strings.Repeat("é", 32_768), "TOO_LONG"},
		{"NUL_byte", "Fi\x00fth,a", "INVALID_TEXT"},
		{"NUL_byte_in_an_unknown_column", "Sixth,a\x00", "INVALID_TEXT"},
		{"not_UTF_8", "Se\xFFventh,a", "INVALID_TEXT"},
		{"quote_that_is_not_closed", `"Eighth,a`, "MALFORMED_ROW"},
		{"text_behind_a_closing_quote", `"Ninth"x,a`, "MALFORMED_ROW"},
		{"row_too_short", "Tenth", "MALFORMED_ROW"},
		{"row_too_long_by_a_value", "Eleventh,a,b", "MALFORMED_ROW"},
		{"last_good_row", "Twelfth,z", ""},
	}
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		made := "customerId,legalName\n"
		file := "customerId,legalName,remark\n"
		want := map[float64]string{}
		good := 0
		for i, row := range rows {
			made += customerID(i+1) + ",Before\n"
			file += customerID(i+1) + "," + row.cells + "\n"
			if row.code == "" {
				good++
				continue
			}
			want[float64(i+1)] = row.code
		}
		s.create(made)
		r := s.apply(upload{file: file})
		if r.Total != int64(len(rows)) || r.Success != int64(good) || r.Failure != int64(len(want)) {
			t.Errorf("of %d rows %d succeeded and %d failed, want %d and %d", r.Total, r.Success, r.Failure, good, len(want))
		}
		for _, failed := range r.FailureRequests {
			row, _ := failed["row"].(float64)
			if codes := failed.codes(t, "errors"); codes != want[row] {
				t.Errorf("%s fails with %q, want %q", rows[int(row)-1].name, codes, want[row])
			}
			delete(want, row)
		}
		for row := range want {
			t.Errorf("%s did not fail", rows[int(row)-1].name)
		}
		for i, row := range rows {
			name, _, _ := strings.Cut(row.cells, ",")
			if row.code != "" {
				name = "Before"
			}
			if got := s.customer(company, customerID(i+1))["legalName"]; got != name {
				t.Errorf("after %s the customer is called %q, want %q", row.name, got, name)
			}
		}
	})
}

// TestRowLimitIsTheLastRowAllowed is the edge beside the refusal table's row too many.
func TestRowLimitIsTheLastRowAllowed(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b, "--max-rows", "100")
		file := "customerId,legalName\n"
		for n := range 100 {
			file += customerID(n+1) + ",Name\n\n , \n" // blank rows are no rows
		}
		if r := s.create(file); r.Total != 100 {
			t.Errorf("the file has %d rows, want 100", r.Total)
		}
	})
}
