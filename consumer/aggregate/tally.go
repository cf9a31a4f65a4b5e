package aggregate

import (
	"slices"

	"sluice/internal/bulk"
	"sluice/internal/event"
)

// tallier decides what a batch of result events adds to the tallies. It is
// filled by begin; decide may then run any number of times.
type tallier struct {
	codec   *event.Codec
	batches []received
	uploads []string
	index   map[string]int

	complete []string
	counted  bulk.Counters
	skipped  struct{ redelivered, gaps, unknown int }
}

// received is one decoded result event.
type received struct {
	bulk.ResultBatch
	upload int
	value  []byte
}

// begin decodes the records; it returns the dead letters of those it cannot read.
func (t *tallier) begin(records []bulk.Record) (letters []bulk.Record) {
	t.index = make(map[string]int)
	for i := range records {
		rec := &records[i]
		var b received
		if err := t.codec.DecodeResults(rec.Value, &b.ResultBatch); err != nil {
			letters = append(letters, event.DeadLetterRecord(rec, err.Error()))
			continue
		}
		b.value = rec.Value
		j, ok := t.index[b.Upload]
		if !ok {
			j = len(t.uploads)
			t.uploads = append(t.uploads, b.Upload)
			t.index[b.Upload] = j
		}
		b.upload = j
		t.batches = append(t.batches, b)
	}
	return letters
}

// decide counts the batch over the stored tallies.
func (t *tallier) decide(stored []bulk.Tally) (*bulk.AggregateWrite, error) {
	w := &bulk.AggregateWrite{}
	tallies := slices.Clone(stored)
	for i := range tallies {
		tallies[i].Marks = slices.Clone(tallies[i].Marks)
	}
	changed := make([]bool, len(tallies))
	t.complete, t.counted = nil, bulk.Counters{}
	t.skipped = struct{ redelivered, gaps, unknown int }{}
	for i := range t.batches {
		b := &t.batches[i]
		if t.count(&tallies[b.upload], b, w) {
			changed[b.upload] = true
		}
	}
	for i := range tallies {
		if !changed[i] {
			continue
		}
		w.Tallies = append(w.Tallies, bulk.TallyWrite{Upload: t.uploads[i], Tally: tallies[i]})
		if tallies[i].Complete() {
			w.Complete = append(w.Complete, t.uploads[i])
		}
	}
	t.complete = w.Complete
	return w, nil
}

// count adds one event to its upload's tally; false: it changed nothing.
func (t *tallier) count(a *bulk.Tally, b *received, w *bulk.AggregateWrite) bool {
	switch {
	case !a.Known || a.Final || a.Company != b.Company || a.Sources == 0:
		t.skipped.unknown++
		return false
	case b.Ends != nil:
		if a.Ends != nil || len(b.Ends) != a.Sources {
			t.skipped.redelivered++
			return false
		}
		a.Ends = b.Ends
		return true
	case b.Source < 0 || int(b.Source) >= a.Sources:
		t.skipped.unknown++
		return false
	}
	if len(a.Marks) != a.Sources {
		a.Marks = append(a.Marks, make([]int64, a.Sources-len(a.Marks))...)
	}
	mark := a.Marks[b.Source]
	switch {
	case b.Last <= mark:
		t.skipped.redelivered++
		return false
	case b.Prev > mark:
		t.skipped.gaps++
		if !slices.Contains(w.Resend, b.Upload) {
			w.Resend = append(w.Resend, b.Upload)
		}
		return false
	}
	for i := range b.Results {
		if b.Results[i].Row > mark { // a second cut of the same rows may overlap the first
			add(&a.Counters, &b.Results[i])
			add(&t.counted, &b.Results[i])
		}
	}
	w.Chunks = append(w.Chunks, bulk.ResultChunk{
		Upload: b.Upload, Source: b.Source, After: mark, Last: b.Last, Body: event.Compress(nil, b.value),
	})
	a.Marks[b.Source] = b.Last
	return true
}

// add counts one result.
func add(c *bulk.Counters, r *bulk.Result) {
	switch r.Status {
	case bulk.StatusApplied:
		c.Applied++
	case bulk.StatusUnchanged:
		c.Unchanged++
	case bulk.StatusFailed:
		c.Failed++
	case bulk.StatusUnprocessed:
		c.Unprocessed++
	}
	if len(r.Warnings) > 0 {
		c.Warned++
	}
	if r.Status.Bucket() == bulk.BucketSuccess {
		c.Amount = c.Amount.Add(r.Amount)
	}
}
