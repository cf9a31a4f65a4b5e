package bulk_test

import (
	"testing"

	"sluice/internal/bulk"
)

func TestOutcome(t *testing.T) {
	cases := []struct {
		name string
		c    bulk.Counters
		want bulk.Outcome
	}{
		{"all_applied", bulk.Counters{Total: 2, Applied: 2}, bulk.OutcomeComplete},
		{"unchanged_rows_succeeded", bulk.Counters{Total: 2, Applied: 1, Unchanged: 1}, bulk.OutcomeComplete},
		{"one_failed", bulk.Counters{Total: 2, Applied: 1, Failed: 1}, bulk.OutcomePartial},
		{"one_unprocessed", bulk.Counters{Total: 2, Unchanged: 1, Unprocessed: 1}, bulk.OutcomePartial},
		{"all_failed", bulk.Counters{Total: 2, Failed: 2}, bulk.OutcomeNone},
		{"all_unprocessed", bulk.Counters{Total: 2, Unprocessed: 2}, bulk.OutcomeNone},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.c.Outcome(); got != c.want {
				t.Errorf("the outcome is %s, want %s", got, c.want)
			}
			if c.c.Done() != c.c.Total || c.c.Bucket(bulk.BucketSuccess)+c.c.Bucket(bulk.BucketFailure)+c.c.Bucket(bulk.BucketUnprocessed) != c.c.Total {
				t.Errorf("the buckets of %+v are not the total", c.c)
			}
		})
	}
}

func TestTallyIsComplete(t *testing.T) {
	cases := []struct {
		name  string
		tally bulk.Tally
		want  bool
	}{
		{"ends_not_announced", bulk.Tally{Marks: []int64{3, 0}}, false},
		{"marks_at_the_ends", bulk.Tally{Marks: []int64{3, 0}, Ends: []int64{3, 0}}, true},
		{"one_source_behind", bulk.Tally{Marks: []int64{2, 0}, Ends: []int64{3, 0}}, false},
		{"another_number_of_sources", bulk.Tally{Marks: []int64{3}, Ends: []int64{3, 0}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.tally.Complete(); got != c.want {
				t.Errorf("complete is %v", got)
			}
		})
	}
}

func TestResultFileName(t *testing.T) {
	for sent, want := range map[string]string{
		"customers.csv": "customers-failure.csv", "a.b.CSV": "a.b-failure.csv", "noext": "noext-failure.csv",
		"": "upload-failure.csv", ".csv": "upload-failure.csv",
	} {
		if got := bulk.ResultFileName(sent, bulk.BucketFailure); got != want {
			t.Errorf("of %q the name is %q, want %q", sent, got, want)
		}
	}
}
