package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

func aggregateChecks() []check {
	return []check{
		{"tally_grows_to_completion", tallyGrows},
		{"unknown_and_final_uploads_are_told", tallyViews},
		{"batch_that_begins_elsewhere_counts_nothing", aggregateMoved},
		{"refusing_to_decide_counts_nothing", aggregateFails},
		{"chunks_come_in_row_order_and_paged", chunkPages},
		{"completing_twice_makes_one_finish_job", completeTwice},
	}
}

// counter is an owner of one partition of bulk.results, as the suite plays it.
type counter struct {
	store  Store
	source bulk.Source
	next   int64
}

func newCounter(t *testing.T, s Store) *counter {
	t.Helper()
	c := &counter{store: s, source: results(0)}
	must(t, s.Restart(t.Context(), c.source, -1, 0))
	return c
}

func (c *counter) aggregate(ctx context.Context, uploads []string, decide func([]bulk.Tally) (*bulk.AggregateWrite, error)) error {
	b := &bulk.AggregateBatch{Source: c.source, From: c.next, Next: c.next + 1, Uploads: uploads}
	if err := c.store.Aggregate(ctx, b, decide); err != nil {
		return err
	}
	c.next++
	return nil
}

// write is aggregate without reading.
func (c *counter) write(t *testing.T, w bulk.AggregateWrite) {
	t.Helper()
	must(t, c.aggregate(t.Context(), nil, func([]bulk.Tally) (*bulk.AggregateWrite, error) { return &w, nil }))
}

// count changes the tally of one upload and returns what it was.
func (c *counter) count(t *testing.T, id string, fn func(*bulk.Tally)) bulk.Tally {
	t.Helper()
	var before bulk.Tally
	must(t, c.aggregate(t.Context(), []string{id}, func(ts []bulk.Tally) (*bulk.AggregateWrite, error) {
		before = ts[0]
		before.Marks, before.Ends = slices.Clone(ts[0].Marks), slices.Clone(ts[0].Ends)
		if fn == nil {
			return &bulk.AggregateWrite{}, nil
		}
		fn(&ts[0])
		return &bulk.AggregateWrite{Tallies: []bulk.TallyWrite{{Upload: id, Tally: ts[0]}}}, nil
	}))
	return before
}

func tallyGrows(t *testing.T, s Store) {
	amount, err := customer.ParseDecimal("123456789012345678901234.5678")
	must(t, err)
	c := newCounter(t, s)
	id := running(t, s, companyA, 7, 2).ID
	begin := c.count(t, id, func(n *bulk.Tally) {
		n.Counters.Applied, n.Counters.Failed, n.Counters.Warned, n.Counters.Amount = 3, 1, 2, amount
		n.Marks[0], n.Marks[2] = 5, 4
	})
	equal(t, "known", begin.Known, true)
	equal(t, "company", begin.Company, companyA)
	equal(t, "rows", begin.Rows, 7)
	equal(t, "sources", begin.Sources, 3)
	equal(t, "marks at the beginning", slices.Equal(begin.Marks, []int64{0, 0, 0}), true)
	equal(t, "ends at the beginning", begin.Ends == nil, true)
	equal(t, "counters at the beginning", begin.Counters, bulk.Counters{Total: 7})

	middle := c.count(t, id, func(n *bulk.Tally) {
		n.Counters.Unchanged, n.Counters.Unprocessed = 2, 1
		n.Counters.Amount = n.Counters.Amount.Add(customer.DecimalFromUnits(1))
		n.Ends = []int64{7, 0, 4}
		n.Marks[0] = 7
	})
	equal(t, "marks", slices.Equal(middle.Marks, []int64{5, 0, 4}), true)
	equal(t, "counters", middle.Counters, bulk.Counters{Total: 7, Applied: 3, Failed: 1, Warned: 2, Amount: amount})
	end := c.count(t, id, nil)
	equal(t, "complete", end.Complete(), true)
	want := bulk.Counters{Total: 7, Applied: 3, Unchanged: 2, Failed: 1, Unprocessed: 1, Warned: 2, Amount: amount.Add(customer.DecimalFromUnits(1))}
	equal(t, "counters at the end", end.Counters, want)
	equal(t, "counters of the upload", readUpload(t, s, id).Counters, want)
	finished(t, s, companyA)
	accepted(t, s, companyB, 5)
	inFlight, err := s.RowsInFlight(t.Context())
	must(t, err)
	equal(t, "rows in flight", inFlight, 5)
	n, err := s.RowsCounted(t.Context(), id)
	must(t, err)
	equal(t, "rows counted", n, 7)
	progress(t, s, c.source, bulk.Progress{Next: c.next})

	c.write(t, bulk.AggregateWrite{Complete: []string{id}})
	equal(t, "state", readUpload(t, s, id).State, bulk.StateFinishing)
	equal(t, "finish job", claim(t, s, bulk.JobFinish, "p", time.Hour).Upload, id)
}

func tallyViews(t *testing.T, s Store) {
	c := newCounter(t, s)
	unknown := c.count(t, newUpload(t, companyA, 1).ID, nil)
	equal(t, "known", unknown.Known, false)
	waiting := c.count(t, accepted(t, s, companyA, 3).ID, nil)
	equal(t, "sources before the split", waiting.Sources, 0)
	equal(t, "rows before the split", waiting.Rows, 3)
	equal(t, "final before the split", waiting.Final, false)
	equal(t, "final", c.count(t, finished(t, s, companyA).ID, nil).Final, true)
}

func aggregateMoved(t *testing.T, s Store) {
	c := newCounter(t, s)
	id := running(t, s, companyA, 7, 1).ID
	other := &counter{store: s, source: c.source, next: 1}
	err := other.aggregate(t.Context(), []string{id}, func(ts []bulk.Tally) (*bulk.AggregateWrite, error) {
		ts[0].Counters.Applied = 5
		return &bulk.AggregateWrite{Tallies: []bulk.TallyWrite{{Upload: id, Tally: ts[0]}}}, nil
	})
	wantErr(t, err, bulk.ErrMoved)
	equal(t, "applied", readUpload(t, s, id).Counters.Applied, 0)
}

func aggregateFails(t *testing.T, s Store) {
	c := newCounter(t, s)
	stop := errors.New("stop")
	wantErr(t, c.aggregate(t.Context(), nil, func([]bulk.Tally) (*bulk.AggregateWrite, error) { return nil, stop }), stop)
	progress(t, s, c.source, bulk.Progress{})
}

func chunkPages(t *testing.T, s Store) {
	c := newCounter(t, s)
	u, other := running(t, s, companyA, 99, 2), running(t, s, companyA, 99, 2)
	for i := int64(1); i <= 12; i++ {
		c.write(t, bulk.AggregateWrite{Chunks: []bulk.ResultChunk{
			{Upload: u.ID, Source: 1, After: (i - 1) * 3, Last: i * 3, Body: []byte{byte(i), 0, 255}},
			{Upload: u.ID, Source: 0, After: i - 1, Last: i, Body: []byte("source 0")},
			{Upload: other.ID, Source: 1, After: i - 1, Last: i, Body: []byte("other")},
		}})
	}
	after, n := int64(0), int64(0)
	for {
		page, err := s.Chunks(t.Context(), u.ID, 1, after, 5)
		must(t, err)
		for _, k := range page {
			n++
			equal(t, "last", k.Last, n*3)
			equal(t, "after", k.After, n*3-3)
			equal(t, "body", string(k.Body), string([]byte{byte(n), 0, 255}))
			equal(t, "upload", k.Upload, u.ID)
			equal(t, "source", k.Source, 1)
			after = k.Last
		}
		if len(page) < 5 {
			break
		}
	}
	equal(t, "chunks", n, 12)
}

func completeTwice(t *testing.T, s Store) {
	c := newCounter(t, s)
	id := running(t, s, companyA, 1, 1).ID
	c.write(t, bulk.AggregateWrite{Complete: []string{id}})
	j := claim(t, s, bulk.JobFinish, "p", time.Hour)
	c.write(t, bulk.AggregateWrite{Complete: []string{id}})
	must(t, s.CheckpointJob(t.Context(), j))
	_, err := s.ClaimJob(t.Context(), bulk.JobFinish, "q", time.Hour)
	wantErr(t, err, bulk.ErrNotFound)
	done := finished(t, s, companyA).ID
	c.write(t, bulk.AggregateWrite{Complete: []string{done}})
	equal(t, "state of a finished upload", readUpload(t, s, done).State, bulk.StateFinished)
}
