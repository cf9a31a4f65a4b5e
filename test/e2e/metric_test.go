package e2e_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// metrics are the samples of a metrics page: name with labels, and value.
type metrics map[string]float64

func (c *client) metrics() metrics {
	c.t.Helper()
	m := metrics{}
	for line := range strings.Lines(string(c.get("/metrics").want(c.t, 200).body)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if i := strings.LastIndexByte(name, '}'); !ok || i >= 0 && i != len(name)-1 {
			c.t.Fatalf("a line of the metrics is %q", line)
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			c.t.Fatal(err)
		}
		m[name] = v
	}
	return m
}

// sum adds up a metric over the labels that are not given; labels are written as
// in the page. A metric that is not there gives -1.
func (m metrics) sum(name string, labels ...string) float64 {
	found, sum := false, 0.0
	for sample, value := range m {
		base, rest, _ := strings.Cut(sample, "{")
		matches := base == name
		for _, l := range labels {
			matches = matches && strings.Contains(rest, l)
		}
		if matches {
			found = true
			sum += value
		}
	}
	if !found {
		return -1
	}
	return sum
}

// TestCountersAddUp is the conservation law: every record of customer.updates was
// consumed once and is counted once, by its result or by why it gave none.
func TestCountersAddUp(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		before := total(s.ends("customer.updates"))
		s.create(manyRows(500))
		file := "customerId,state,pinCode\n"
		for n := range 1000 {
			pin := [...]string{"", "560001", "bad", ""}[n%4]
			file += customerID(n) + ",Goa," + pin + "\n" // half of them are nobody, a quarter is unchanged
		}
		r := s.apply(upload{file: file})
		s.snapshot()
		m := s.metrics()
		c := s.status(r.uploadID).Upload.Counters
		for label, want := range map[string]int64{"applied": 500 + c.Applied, "unchanged": c.Unchanged, "failed": c.Failed, "unprocessed": 0} {
			if got := m.sum("sluice_aggregate_rows_total", `result="`+label+`"`); got != float64(want) {
				t.Errorf("%v rows are counted as %s, want %d", got, label, want)
			}
		}
		consumed := total(s.ends("customer.updates"))
		if got := m.sum("sluice_apply_rows_total") + m.sum("sluice_apply_skipped_total"); got != float64(consumed) {
			t.Errorf("apply counts %v records, want the %d that were there", got, consumed)
		}
		// A server that meets a log for the first time may send an upload again.
		if skipped := m.sum("sluice_apply_skipped_total") - m.sum("sluice_apply_skipped_total", `reason="redelivered"`); skipped != float64(before) {
			t.Errorf("apply skipped %v records that were no redeliveries, want the %d that were there before", skipped, before)
		}
		for name, want := range map[string]float64{
			"sluice_journal_unpublished_rows": 0, "sluice_rows_in_flight": 0, "sluice_oldest_unfinished_upload_seconds": 0,
			"sluice_aggregate_uploads_total": 2, "sluice_apply_lag_records": 0, "sluice_aggregate_lag_records": 0,
		} {
			if got := m.sum(name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
		for _, name := range []string{"sluice_producer_intake_seconds_count", "sluice_apply_batch_seconds_count", "sluice_aggregate_finish_seconds_count"} {
			if m.sum(name) < 1 {
				t.Errorf("%s is %v", name, m.sum(name))
			}
		}
		good := regexp.MustCompile(`^(sluice|go|process|promhttp)_`)
		for name := range m {
			if !good.MatchString(name) {
				t.Errorf("a metric is called %s", name)
			}
		}
	})
}
