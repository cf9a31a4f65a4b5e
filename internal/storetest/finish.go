package storetest

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

func finishChecks() []check {
	return []check{
		{"first_response_stands", firstResponse},
		{"one_of_many_responses_stands", raceForResponse},
		{"response_ends_the_jobs_that_send_rows", responseEndsJobs},
		{"final_uploads_are_picked_out", finalUploads},
		{"chunks_are_dropped_once_finished", dropChunks},
	}
}

func response(u *bulk.Upload, body string) *bulk.Response {
	return &bulk.Response{
		Upload: u.ID, Company: u.Company, Kind: u.Kind, Outcome: bulk.OutcomePartial,
		Counters: bulk.Counters{
			Total: 6, Applied: 1, Unchanged: 2, Failed: 2, Unprocessed: 1, Warned: 5,
			Amount: customer.DecimalFromUnits(-12345),
		},
		FinishedAt: time.Now().UnixMilli(), Body: []byte(body),
	}
}

func firstResponse(t *testing.T, s Store) {
	u := running(t, s, companyA, 6, 1)
	first := response(u, `{"total_count": 6}`)
	for _, r := range []*bulk.Response{first, response(u, `{"other": 1}`)} {
		stored, err := s.StoreResponse(t.Context(), r)
		must(t, err)
		read, err := s.Response(t.Context(), u.ID)
		must(t, err)
		for _, got := range []*bulk.Response{stored, read} {
			equal(t, "body", string(got.Body), string(first.Body))
			equal(t, "counters", got.Counters, first.Counters)
			equal(t, "outcome", got.Outcome, first.Outcome)
			equal(t, "kind", got.Kind, first.Kind)
			equal(t, "company", got.Company, companyA)
			equal(t, "upload", got.Upload, u.ID)
			equal(t, "finishedAt", got.FinishedAt, first.FinishedAt)
		}
	}
	u = readUpload(t, s, u.ID)
	equal(t, "state", u.State, bulk.StateFinished)
	equal(t, "upload's finishedAt", u.FinishedAt.UnixMilli(), first.FinishedAt)
}

func raceForResponse(t *testing.T, s Store) {
	u := running(t, s, companyA, 6, 1)
	const calls = 6
	var wg sync.WaitGroup
	bodies, errs := make([][]byte, calls), make([]error, calls)
	for i := range calls {
		wg.Go(func() {
			r, err := s.StoreResponse(t.Context(), response(u, string(rune('a'+i))))
			if errs[i] = err; err == nil {
				bodies[i] = r.Body
			}
		})
	}
	wg.Wait()
	for i := range calls {
		must(t, errs[i])
		if !bytes.Equal(bodies[i], bodies[0]) {
			t.Errorf("call %d was told %q, call 0 %q", i, bodies[i], bodies[0])
		}
	}
}

func responseEndsJobs(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	u := running(t, s, companyA, 6, 1)
	o.write(t, bulk.ApplyWrite{Resend: []string{u.ID}})
	held := claim(t, s, bulk.JobSplit, "p", time.Hour)
	_, err := s.StoreResponse(t.Context(), response(u, `{}`))
	must(t, err)
	wantErr(t, s.CheckpointJob(t.Context(), held), bulk.ErrFenced)
	for _, kind := range []bulk.JobKind{bulk.JobSplit, bulk.JobRepublish} {
		_, err := s.ClaimJob(t.Context(), kind, "q", time.Hour)
		wantErr(t, err, bulk.ErrNotFound)
	}
}

func finalUploads(t *testing.T, s Store) {
	x, y, z := finished(t, s, companyA).ID, running(t, s, companyA, 1, 1).ID, finished(t, s, companyB).ID
	got, err := s.FinalUploads(t.Context(), []string{y, z, newUpload(t, companyA, 1).ID, x})
	must(t, err)
	slices.Sort(got)
	if !slices.Equal(got, []string{x, z}) {
		t.Errorf("final uploads are %v, want %v and %v", got, x, z)
	}
	got, err = s.FinalUploads(t.Context(), nil)
	must(t, err)
	equal(t, "final uploads among none", len(got), 0)
}

func dropChunks(t *testing.T, s Store) {
	c := newCounter(t, s)
	u, other := running(t, s, companyA, 400, 1), running(t, s, companyA, 1, 1)
	var w bulk.AggregateWrite
	for i := int64(1); i <= 200; i++ {
		w.Chunks = append(w.Chunks, bulk.ResultChunk{Upload: u.ID, After: i - 1, Last: i, Body: []byte("x")})
	}
	w.Chunks = append(w.Chunks, bulk.ResultChunk{Upload: other.ID, Last: 1, Body: []byte("y")})
	c.write(t, w)
	_, err := s.StoreResponse(t.Context(), response(u, `{}`))
	must(t, err)
	for range 2 {
		must(t, s.DropChunks(t.Context(), u.ID))
	}
	for id, want := range map[string]int{u.ID: 0, other.ID: 1} {
		left, err := s.Chunks(t.Context(), id, 0, 0, 10)
		must(t, err)
		equal(t, "chunks left", len(left), want)
	}
}
