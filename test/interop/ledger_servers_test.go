//go:build servers

package interop_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/clickhouse"
	"sluice/internal/customer"
)

// bulkResponse is what is counted of a response.
type bulkResponse struct {
	Total      int64       `json:"total_count"`
	Success    int64       `json:"success_count"`
	Failure    int64       `json:"failure_count"`
	Warned     int64       `json:"warn_count"`
	Amount     json.Number `json:"total_amount"`
	SuccessURL *string     `json:"success_file_url"`
	FailureURL *string     `json:"failure_file_url"`
}

// agree holds responses, status, result files, ClickHouse, topics and store
// against each other, for every upload and in total. Any process that produces
// can be asked.
func (w *world) agree(p *process) {
	w.t.Helper()
	expected := w.agreeQuickly(p)
	began := time.Now()
	seen := w.consume(p)
	w.agreeTopics(seen, expected)
	w.agreeStore(p, seen)
	w.t.Logf("topics and store agree after %v: %v", time.Since(began).Round(time.Millisecond), seen.Records)
}

// agreeQuickly leaves out topics and store. It returns what became of each upload.
func (w *world) agreeQuickly(p *process) []bulk.Counters {
	w.t.Helper()
	began := time.Now()
	if len(w.uploads) == 0 {
		w.t.Fatal("nothing was sent")
	}
	expected := make([]bulk.Counters, len(w.uploads))
	for i, u := range w.uploads {
		expected[i] = w.agreeHTTP(p, u)
	}
	w.agreeClickHouse(expected)
	w.t.Logf("HTTP and ClickHouse agree on %d uploads after %v", len(w.uploads), time.Since(began).Round(time.Millisecond))
	return expected
}

// agreeHTTP compares what HTTP says of an upload: the caller's response, the
// status resource and the result files.
func (w *world) agreeHTTP(p *process, u sent) bulk.Counters {
	w.t.Helper()
	var r bulkResponse
	if err := json.Unmarshal(u.response, &r); err != nil {
		w.t.Fatalf("%s: reading the response: %v", u, err)
	}
	s := p.status(u.id)
	if string(s.Response) != string(u.response) {
		w.t.Errorf("%s: the status resource has another response than the caller got:\n%.500s\n%.500s", u, s.Response, u.response)
	}
	c := s.Upload.Counters
	if c.Total != int64(u.rows) || r.Total != c.Total || r.Success != c.Applied+c.Unchanged || r.Failure != c.Failed ||
		r.Warned != c.Warned || c.done() != c.Total {
		w.t.Errorf("%s: %d rows were sent, the response has %+v and the status %+v", u, u.rows, r, c)
	}
	rows := map[string]int{}
	for url, want := range map[*string]int64{r.SuccessURL: r.Success, r.FailureURL: r.Failure} {
		if url == nil {
			continue
		}
		if n := w.resultFile(p, *url, rows); n != want {
			w.t.Errorf("%s: the file %.80s has %d rows, want %d", u, *url, n, want)
		}
	}
	for i := 1; i <= u.rows; i++ {
		if n := rows[fmt.Sprint(i)]; n != 1 {
			w.t.Errorf("%s: row %d is %d times in the result files, want once", u, i, n)
			break
		}
	}
	amount, err := customer.ParseDecimal(r.Amount.String())
	if err != nil {
		w.t.Errorf("%s: total_amount: %v", u, err)
	}
	return bulk.Counters{
		Total: c.Total, Applied: c.Applied, Unchanged: c.Unchanged, Failed: c.Failed,
		Unprocessed: c.Unprocessed, Warned: c.Warned, Amount: amount,
	}
}

// resultFile counts the rows of a result file, also one by one.
func (w *world) resultFile(p *process, url string, rows map[string]int) (n int64) {
	w.t.Helper()
	got := p.call(http.MethodGet, url, "", nil)
	reader := csv.NewReader(strings.NewReader(string(got.body)))
	reader.FieldsPerRecord = -1
	lines, err := reader.ReadAll()
	if err != nil || len(lines) == 0 || lines[0][0] != "_row" {
		w.t.Fatalf("reading the file %.80s: %v, beginning %.100q", url, err, got.body)
	}
	for _, line := range lines[1:] {
		rows[line[0]]++
	}
	return int64(len(lines) - 1)
}

// agreeClickHouse waits until ClickHouse has the expected counts of each upload
// and in total. A row more than expected is an error at once.
func (w *world) agreeClickHouse(expected []bulk.Counters) {
	w.t.Helper()
	var total clickhouse.Counts
	each := make([]clickhouse.Counts, len(expected))
	for i, c := range expected {
		each[i] = clickhouse.Counts{Uploads: 1, Response: c, Results: c, Changes: c.Applied}
		total.Uploads++
		total.Response = sum(total.Response, c)
		total.Changes += c.Applied
	}
	total.Results = total.Response
	eventually(w.t, settleTimeout, 50*time.Millisecond, func() error {
		return w.askClickHouse("in total", total, w.counts.Totals)
	})
	for i, u := range w.uploads {
		err := w.askClickHouse(u.String(), each[i], func(ctx context.Context) (clickhouse.Counts, error) {
			return w.counts.Counts(ctx, u.company, u.id)
		})
		if err != nil {
			w.t.Error(err)
		}
	}
}

// askClickHouse compares one answer of ClickHouse.
func (w *world) askClickHouse(what string, want clickhouse.Counts, ask func(context.Context) (clickhouse.Counts, error)) error {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), settleTimeout)
	defer cancel()
	got, err := ask(ctx)
	if err != nil {
		return fmt.Errorf("asking ClickHouse: %w", err)
	}
	if got.Uploads > want.Uploads || got.Results.Total > want.Results.Total || got.Changes > want.Changes {
		w.t.Fatalf("ClickHouse counts more than there is %s:\n%+v, want\n%+v", what, got, want)
	}
	if got != want {
		return fmt.Errorf("%s: ClickHouse counts\n%+v, want\n%+v", what, got, want)
	}
	return nil
}

func sum(a, b bulk.Counters) bulk.Counters {
	return bulk.Counters{
		Total: a.Total + b.Total, Applied: a.Applied + b.Applied, Unchanged: a.Unchanged + b.Unchanged, Failed: a.Failed + b.Failed,
		Unprocessed: a.Unprocessed + b.Unprocessed, Warned: a.Warned + b.Warned, Amount: a.Amount.Add(b.Amount),
	}
}
