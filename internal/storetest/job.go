package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"sluice/internal/bulk"
)

func jobChecks() []check {
	return []check{
		{"smaller_upload_is_served_first_then_in_turns", jobTurns},
		{"held_job_is_not_given_out", jobHeld},
		{"checkpoint_is_what_the_next_owner_gets", jobCheckpoint},
		{"expired_lease_is_taken_over_and_its_owner_fenced", jobTakenOver},
		{"fences_grow_also_over_deleted_jobs", fencesGrow},
		{"complete_is_safe_to_repeat", jobComplete},
		{"kinds_do_not_mix", jobKinds},
		{"each_job_has_one_claimer", jobRace},
	}
}

func jobTurns(t *testing.T, s Store) {
	big := accepted(t, s, companyA, 1000).ID
	small := accepted(t, s, companyA, 10).ID
	middle := accepted(t, s, companyA, 100).ID
	for _, want := range []string{small, middle, big, small, middle, big} {
		j := claim(t, s, bulk.JobSplit, "p", time.Hour)
		equal(t, "upload", j.Upload, want)
		must(t, s.ReleaseJob(t.Context(), j))
	}
	claim(t, s, bulk.JobSplit, "p", time.Hour)
	tiny := accepted(t, s, companyA, 1).ID
	equal(t, "newcomer", claim(t, s, bulk.JobSplit, "p", time.Hour).Upload, tiny)
}

func jobHeld(t *testing.T, s Store) {
	accepted(t, s, companyA, 1)
	j := claim(t, s, bulk.JobSplit, "p", time.Hour)
	_, err := s.ClaimJob(t.Context(), bulk.JobSplit, "q", time.Hour)
	wantErr(t, err, bulk.ErrNotFound)
	must(t, s.RenewJob(t.Context(), j, time.Hour))
	must(t, s.ReleaseJob(t.Context(), j))
	claim(t, s, bulk.JobSplit, "q", time.Hour)
}

func jobCheckpoint(t *testing.T, s Store) {
	accepted(t, s, companyA, 1)
	j := claim(t, s, bulk.JobSplit, "p", time.Hour)
	equal(t, "state at the beginning", len(j.State), 0)
	for _, state := range []string{"row 10", "row\x0020"} {
		j.State = []byte(state)
		must(t, s.CheckpointJob(t.Context(), j))
	}
	must(t, s.ReleaseJob(t.Context(), j))
	equal(t, "state", string(claim(t, s, bulk.JobSplit, "q", time.Hour).State), "row\x0020")
}

func jobTakenOver(t *testing.T, s Store) {
	accepted(t, s, companyA, 1)
	old := claim(t, s, bulk.JobSplit, "p", time.Millisecond)
	var young *bulk.Job
	eventually(t, "the lease ends", func() bool {
		var err error
		young, err = s.ClaimJob(t.Context(), bulk.JobSplit, "q", time.Hour)
		if err != nil {
			wantErr(t, err, bulk.ErrNotFound)
		}
		return err == nil
	})
	if young.Fence <= old.Fence {
		t.Fatalf("fence %d does not grow over %d", young.Fence, old.Fence)
	}
	old.State = []byte("late")
	wantErr(t, s.RenewJob(t.Context(), old, time.Hour), bulk.ErrFenced)
	wantErr(t, s.CheckpointJob(t.Context(), old), bulk.ErrFenced)
	wantErr(t, s.ReleaseJob(t.Context(), old), bulk.ErrFenced)
	wantErr(t, s.CompleteJob(t.Context(), old), bulk.ErrFenced)
	must(t, s.CheckpointJob(t.Context(), young))
	must(t, s.CompleteJob(t.Context(), young))
}

func fencesGrow(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	u := running(t, s, companyA, 1, 1)
	old := claim(t, s, bulk.JobSplit, "p", time.Hour)
	must(t, s.CompleteJob(t.Context(), old))
	o.write(t, bulk.ApplyWrite{Resend: []string{u.ID}})
	young := claim(t, s, bulk.JobSplit, "q", time.Hour)
	if young.Fence <= old.Fence {
		t.Fatalf("fence %d does not grow over %d", young.Fence, old.Fence)
	}
	wantErr(t, s.CheckpointJob(t.Context(), old), bulk.ErrFenced)
	wantErr(t, s.CompleteJob(t.Context(), old), bulk.ErrFenced)
	must(t, s.CheckpointJob(t.Context(), young))
}

func jobComplete(t *testing.T, s Store) {
	accepted(t, s, companyA, 1)
	j := claim(t, s, bulk.JobSplit, "p", time.Hour)
	for range 2 {
		must(t, s.CompleteJob(t.Context(), j))
	}
	wantErr(t, s.RenewJob(t.Context(), j, time.Hour), bulk.ErrFenced)
	wantErr(t, s.CheckpointJob(t.Context(), j), bulk.ErrFenced)
	_, err := s.ClaimJob(t.Context(), bulk.JobSplit, "p", time.Hour)
	wantErr(t, err, bulk.ErrNotFound)
}

func jobKinds(t *testing.T, s Store) {
	accepted(t, s, companyA, 1)
	for _, kind := range []bulk.JobKind{bulk.JobFinish, bulk.JobRepublish} {
		_, err := s.ClaimJob(t.Context(), kind, "p", time.Hour)
		wantErr(t, err, bulk.ErrNotFound)
	}
}

func jobRace(t *testing.T, s Store) {
	const jobs, claimers = 6, 4
	for range jobs {
		accepted(t, s, companyA, 1)
	}
	var mu sync.Mutex
	claimed := map[string]int{}
	var wg sync.WaitGroup
	for range claimers {
		wg.Go(func() {
			for {
				j, err := s.ClaimJob(t.Context(), bulk.JobSplit, "p", time.Hour)
				if err != nil {
					if !errors.Is(err, bulk.ErrNotFound) {
						t.Errorf("claim: %v", err)
					}
					return
				}
				mu.Lock()
				claimed[j.Upload]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("job of upload %s was given to %d claimers", id, n)
		}
	}
	// A claimer may miss a job that another is just taking, never one for good.
	for len(claimed) < jobs {
		claimed[claim(t, s, bulk.JobSplit, "p", time.Hour).Upload]++
	}
	equal(t, "jobs", len(claimed), jobs)
}
