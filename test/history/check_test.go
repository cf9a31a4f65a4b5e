package history_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// check compares what the history led to with the model and with itself.
func (h *history) check() {
	ctx := context.Background()
	stored, err := h.storedCustomers(ctx)
	if err != nil {
		h.fail("reading the store: %w", err)
		return
	}
	if !h.isContended {
		h.checkModel(stored)
	}
	h.checkReferences(stored)
	h.checkChanges(ctx, stored)
	h.checkResults()
	for _, u := range h.uploads {
		if err := h.checkUpload(ctx, u); err != nil {
			h.fail("%s (%s, upload %s): %w", u.key, u.company, u.id, err)
		}
	}
	h.checkLeftovers(ctx)
}

// fullName names a customer.
type fullName struct{ company, id string }

func (h *history) storedCustomers(ctx context.Context) (map[fullName]customer.Customer, error) {
	out := map[fullName]customer.Customer{}
	for company := range h.model.companies {
		list, err := h.store.SearchCustomers(ctx, bulk.CustomerQuery{Company: company, Limit: 10_000})
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			out[fullName{company, c.CustomerID}] = c
		}
	}
	return out, nil
}

// plain gives a customer the model's form.
func plain(c *customer.Customer) map[string]string {
	out := map[string]string{}
	for f := range customer.Field(customer.NumFields) {
		switch v := &c.Values[f]; {
		case !v.Set:
		case f == customer.BranchCodes:
			out[f.String()] = strings.Join(v.List, "|")
		default:
			out[f.String()] = v.Text
		}
	}
	return out
}

// checkModel shows I2 and I5: the store is what the files say, version by version.
func (h *history) checkModel(stored map[fullName]customer.Customer) {
	want := 0
	for company, c := range h.model.companies {
		for id, cust := range c.customers {
			want++
			got, ok := stored[fullName{company, id}]
			switch {
			case !ok:
				h.fail("I2: %s/%s is not in the store", company, id)
			case got.Version != cust.version:
				h.fail("I2: %s/%s has version %d, want %d", company, id, got.Version, cust.version)
			case !maps.Equal(plain(&got), cust.values):
				h.fail("I5: %s/%s is %v, want %v", company, id, plain(&got), cust.values)
			}
		}
	}
	if len(stored) != want {
		h.fail("I2: the store has %d customers, want %d", len(stored), want)
	}
}

// checkReferences shows that no reference is held twice in a company.
func (h *history) checkReferences(stored map[fullName]customer.Customer) {
	holders := map[fullName]string{}
	for name, c := range stored {
		ref := fullName{name.company, c.Values[customer.UniqueRefNo].Text}
		if ref.id == "" {
			continue
		}
		if other, taken := holders[ref]; taken {
			h.fail("%s and %s of %s both hold %s", other, name.id, name.company, ref.id)
		}
		holders[ref] = name.id
	}
}

// checkChanges shows I7: the journal tells the story of every customer without a
// gap, and the topic tells what the journal does, nothing else.
func (h *history) checkChanges(ctx context.Context, stored map[fullName]customer.Customer) {
	journal := map[string][]byte{} // value by ce_id
	story := map[fullName]map[int64]bulk.Change{}
	err := h.store.Journal(ctx, func(row bulk.JournalRow) error {
		return event.EachJournal(row.Body, func(r *bulk.Record) error {
			if r.Topic != bulk.TopicChanges {
				return nil
			}
			var c bulk.Change
			if err := h.codec.DecodeChange(r.Value, &c); err != nil {
				return err
			}
			id := string(r.HeaderValue("ce_id"))
			if _, twice := journal[id]; twice {
				return fmt.Errorf("I2: change %s stands in the journal twice", id)
			}
			journal[id] = r.Value
			name := fullName{c.Company, c.CustomerID}
			if story[name] == nil {
				story[name] = map[int64]bulk.Change{}
			}
			if _, twice := story[name][c.Version]; twice {
				return fmt.Errorf("I7: version %d of %v was made twice", c.Version, name)
			}
			story[name][c.Version] = c
			return nil
		})
	})
	if err != nil {
		h.fail("reading the journal: %w", err)
		return
	}
	h.checkStories(story, stored)
	h.checkTopic(journal, stored)
}

// checkStories follows each customer's changes from nothing to the store.
func (h *history) checkStories(story map[fullName]map[int64]bulk.Change, stored map[fullName]customer.Customer) {
	for name, c := range stored {
		var doc []byte
		for v := int64(1); v <= c.Version; v++ {
			ch, ok := story[name][v]
			if !ok {
				h.fail("I7: version %d of %v has no change", v, name)
				return
			}
			if !bytes.Equal(ch.Before, doc) {
				h.fail("I7: change %d of %v does not begin where change %d ended", v, name, v-1)
			}
			doc = ch.After
		}
		if got := h.codec.AppendCustomer(nil, &c); !bytes.Equal(got, doc) {
			h.fail("I7: the last change of %v does not end at the store", name)
		}
	}
	if len(story) != len(stored) {
		h.fail("I7: %d customers have changes and %d are stored", len(story), len(stored))
	}
}

// checkTopic folds the changes as a subscriber does. What a cluster took with it
// may be missing.
func (h *history) checkTopic(journal map[string][]byte, stored map[fullName]customer.Customer) {
	held := map[fullName]bulk.Change{}
	seen := map[string]bool{}
	for _, r := range h.events.History(bulk.TopicChanges) {
		id := string(r.HeaderValue("ce_id"))
		if !bytes.Equal(journal[id], r.Value) {
			h.fail("I7: change %s on the log is not the journal's", id)
			return
		}
		seen[id] = true
		var c bulk.Change
		if err := h.codec.DecodeChange(r.Value, &c); err != nil {
			h.fail("I7: change %s: %w", id, err)
			return
		}
		if name := (fullName{c.Company, c.CustomerID}); c.Version > held[name].Version {
			held[name] = c
		}
	}
	if h.isMoved {
		return
	}
	if len(seen) != len(journal) {
		h.fail("I7: %d changes are on the log and %d in the journal", len(seen), len(journal))
	}
	for name, c := range stored {
		if !bytes.Equal(held[name].After, h.codec.AppendCustomer(nil, &c)) {
			h.fail("I7: folding the changes does not give %v", name)
		}
	}
}

// checkResults shows that every copy of a row's result says the same.
func (h *history) checkResults() {
	said := map[string]string{}
	for _, r := range h.events.History(bulk.TopicResults) {
		var b bulk.ResultBatch
		if err := h.codec.DecodeResults(r.Value, &b); err != nil {
			h.fail("a result event on the log: %w", err)
			return
		}
		for _, res := range b.Results {
			row, what := fmt.Sprintf("%s/%d", b.Upload, res.Row), fmt.Sprint(b.Source, res)
			if was, ok := said[row]; ok && was != what {
				h.fail("I3: row %s has two results: %s and %s", row, was, what)
			}
			said[row] = what
		}
	}
	rows := 0
	for _, u := range h.uploads {
		rows += len(u.rows)
	}
	if len(said) != rows {
		h.fail("I3: %d rows have results on the log, %d were sent", len(said), rows)
	}
}

// checkLeftovers shows I12: nothing that was needed on the way is left.
func (h *history) checkLeftovers(ctx context.Context) {
	for _, kind := range []bulk.JobKind{bulk.JobSplit, bulk.JobRepublish, bulk.JobFinish} {
		if j, err := h.store.ClaimJob(ctx, kind, "checker", time.Second); !errors.Is(err, bulk.ErrNotFound) {
			h.fail("I12: a %s job is left: %v, %v", kind, j, err)
		}
	}
	if _, ok, err := h.store.OldestUnfinished(ctx); ok || err != nil {
		h.fail("I1: an upload is unfinished: %v", err)
	}
	for _, u := range h.uploads {
		for source := range int32(8) {
			chunks, err := h.store.Chunks(ctx, u.id, source, 0, 1)
			if err != nil || len(chunks) > 0 {
				h.fail("I12: counted results of %s are left: %v", u.key, err)
			}
		}
	}
	if !h.isContended && len(h.events.History(bulk.TopicDeadLetters)) > 0 {
		h.fail("there are dead letters")
	}
}

// checkUpload shows I3 and I6 of one upload.
func (h *history) checkUpload(ctx context.Context, u *plannedUpload) error {
	r, err := h.store.Response(ctx, u.id)
	if err != nil {
		return err
	}
	want := h.codec.ResponseRecord(r)
	copies := 0
	for _, rec := range h.events.History(bulk.TopicResponses) {
		if string(rec.Key) != u.id {
			continue
		}
		copies++
		if !bytes.Equal(rec.Value, want.Value) {
			return errors.New("I6: two responses differ")
		}
	}
	if copies == 0 {
		return errors.New("I6: the response is not on the log")
	}
	rows, err := h.readFiles(u)
	if err != nil {
		return err
	}
	if err := h.checkCounts(u, r, rows); err != nil {
		return err
	}
	if h.isContended {
		return nil
	}
	for i, o := range h.outcomes[u] {
		if err := rows[i].compare(u, &u.rows[i], &o); err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return nil
}

// bulkResponse is the answer as a caller reads it.
type bulkResponse struct {
	Total       int64       `json:"total_count"`
	Success     int64       `json:"success_count"`
	Failure     int64       `json:"failure_count"`
	Warned      int64       `json:"warn_count"`
	Amount      json.Number `json:"total_amount"`
	SuccessRows []struct {
		Row int64 `json:"row"`
	} `json:"successRequests"`
	FailureRows []struct {
		Row int64 `json:"row"`
	} `json:"failureRequests"`
}

// checkCounts compares the response with the files and the model.
func (h *history) checkCounts(u *plannedUpload, r *bulk.Response, rows []fileRow) error {
	var got bulkResponse
	if err := json.Unmarshal(r.Body, &got); err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	count := map[string]int64{}
	for _, row := range rows {
		count[row.status]++
	}
	c := r.Counters
	want := []int64{int64(len(u.rows)), count["applied"], count["unchanged"], count["failed"], count["unprocessed"]}
	if have := []int64{c.Total, c.Applied, c.Unchanged, c.Failed, c.Unprocessed}; !slices.Equal(have, want) {
		return fmt.Errorf("I3: counted %v, in the files %v", have, want)
	}
	if got.Total != c.Total || got.Success != c.Applied+c.Unchanged || got.Failure != c.Failed || got.Warned != c.Warned {
		return fmt.Errorf("I3: the response says %+v, counted %+v", got, c)
	}
	if len(got.SuccessRows) != int(got.Success) || len(got.FailureRows) != int(got.Failure) {
		return fmt.Errorf("I3: %d and %d rows are listed", len(got.SuccessRows), len(got.FailureRows))
	}
	if h.isContended {
		return nil
	}
	warned, units := int64(0), int64(0)
	for _, o := range h.outcomes[u] {
		units += o.units
		if o.warnings > 0 {
			warned++
		}
	}
	if want := customer.DecimalFromUnits(units).String(); got.Amount.String() != want || got.Warned != warned {
		return fmt.Errorf("amount %s and %d warned, want %s and %d", got.Amount, got.Warned, want, warned)
	}
	return nil
}
