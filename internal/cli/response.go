package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// maxShownFailures is how many failed rows are printed; the failure file holds
// all.
const maxShownFailures = 10

// bulkResponse is as much of the BulkResponse as a terminal needs.
type bulkResponse struct {
	TotalCount             int64           `json:"total_count"`
	SuccessCount           int64           `json:"success_count"`
	FailureCount           int64           `json:"failure_count"`
	WarnCount              int64           `json:"warn_count"`
	FailureCountSecondFile int64           `json:"failure_count_second_file"`
	TotalAmount            json.Number     `json:"total_amount"`
	FailureRequests        []failedRequest `json:"failureRequests"`
	SuccessFileURL         *string         `json:"success_file_url"`
	FailureFileURL         *string         `json:"failure_file_url"`
}

type failedRequest struct {
	Row    int64 `json:"row"`
	Line   int64 `json:"line"`
	Errors []struct {
		Field         string `json:"field"`
		RejectedValue any    `json:"rejectedValue"`
		Code          string `json:"code"`
		Message       string `json:"message"`
	} `json:"errors"`
}

func decodeResponse(payload json.RawMessage) (*bulkResponse, error) {
	var r bulkResponse
	if err := json.Unmarshal(payload, &r); err != nil {
		return nil, fmt.Errorf("read the response: %w", err)
	}
	return &r, nil
}

// isAllGood reports whether every row, of the second file too, succeeded.
func (r *bulkResponse) isAllGood() bool {
	return r.SuccessCount == r.TotalCount && r.FailureCount == 0 && r.FailureCountSecondFile == 0
}

// print says what became of the rows in words and lists the first failures.
func (r *bulkResponse) print(w io.Writer) error {
	out := &strings.Builder{}
	unprocessed := r.TotalCount - r.SuccessCount - r.FailureCount
	_, _ = fmt.Fprintf(out, "%s: %d succeeded, %d failed", count(r.TotalCount, "row"), r.SuccessCount, r.FailureCount)
	if unprocessed > 0 {
		_, _ = fmt.Fprintf(out, ", %d not processed", unprocessed)
	}
	if r.WarnCount > 0 {
		_, _ = fmt.Fprintf(out, "; %d with warnings", r.WarnCount)
	}
	if r.FailureCountSecondFile > 0 {
		_, _ = fmt.Fprintf(out, "; %s of the key contacts failed", count(r.FailureCountSecondFile, "line"))
	}
	out.WriteString("\n")
	if r.TotalAmount != "" && r.TotalAmount != "0" {
		_, _ = fmt.Fprintf(out, "outstanding amount of the rows that succeeded: %s\n", r.TotalAmount)
	}
	if len(r.FailureRequests) > 0 {
		r.printFailures(out)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// printFailures makes a table with a line per error. Values are quoted: they
// come from the file and could hold control sequences.
func (r *bulkResponse) printFailures(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ROW\tLINE\tCOLUMN\tVALUE\tCODE\tMESSAGE")
	shown := min(len(r.FailureRequests), maxShownFailures)
	for _, failed := range r.FailureRequests[:shown] {
		for _, e := range failed.Errors {
			value := "-"
			if e.RejectedValue != nil {
				value = strconv.Quote(fmt.Sprint(e.RejectedValue))
			}
			_, _ = fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%s\t%s\n", failed.Row, failed.Line, printable(e.Field), value, printable(e.Code), printable(e.Message))
		}
	}
	_ = table.Flush() // a strings.Builder takes everything
	if rest := r.FailureCount - int64(shown); rest > 0 {
		_, _ = fmt.Fprintf(out, "and %d more\n", rest)
	}
}

// printable takes control characters out of text for a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
