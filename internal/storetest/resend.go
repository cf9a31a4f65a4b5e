package storetest

import (
	"testing"
	"time"

	"sluice/internal/bulk"
)

func resendChecks() []check {
	return []check{
		{"flag_begins_the_split_anew_and_publishes_again", resendResets},
		{"flag_of_counting_does_the_same", resendFromCounting},
		{"gap_seen_again_at_once_is_not_flagged_again", resendOnce},
		{"restart_flags_every_unfinished_upload", restartFlags},
		{"final_upload_is_never_flagged", resendFinal},
		{"stalled_upload_is_flagged_once_in_the_time", flagStalled},
	}
}

// wantResend checks that both jobs begin anew, and takes them.
func wantResend(t *testing.T, s Store, uploadID string) {
	t.Helper()
	for _, kind := range []bulk.JobKind{bulk.JobSplit, bulk.JobRepublish} {
		j := claim(t, s, kind, "q", time.Hour)
		equal(t, "upload of the job", j.Upload, uploadID)
		equal(t, "state of the job", len(j.State), 0)
	}
}

func wantNoJob(t *testing.T, s Store, kinds ...bulk.JobKind) {
	t.Helper()
	for _, kind := range kinds {
		_, err := s.ClaimJob(t.Context(), kind, "q", time.Hour)
		wantErr(t, err, bulk.ErrNotFound)
	}
}

func resendResets(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	u := running(t, s, companyA, 9, 1)
	held := claim(t, s, bulk.JobSplit, "p", time.Hour)
	held.State = []byte("row 5")
	must(t, s.CheckpointJob(t.Context(), held))
	o.write(t, bulk.ApplyWrite{Resend: []string{u.ID}})
	wantErr(t, s.CheckpointJob(t.Context(), held), bulk.ErrFenced)
	wantErr(t, s.CompleteJob(t.Context(), held), bulk.ErrFenced)
	wantResend(t, s, u.ID)
	equal(t, "state", readUpload(t, s, u.ID).State, bulk.StateRunning)
}

func resendFromCounting(t *testing.T, s Store) {
	c := newCounter(t, s)
	u := running(t, s, companyA, 9, 1)
	must(t, s.CompleteJob(t.Context(), claim(t, s, bulk.JobSplit, "p", time.Hour)))
	c.write(t, bulk.AggregateWrite{Resend: []string{u.ID}})
	wantResend(t, s, u.ID)
}

func resendOnce(t *testing.T, s Store) {
	o, c := newOwner(t, s, 0), newCounter(t, s)
	u := running(t, s, companyA, 9, 1)
	o.write(t, bulk.ApplyWrite{Resend: []string{u.ID}})
	held := claim(t, s, bulk.JobSplit, "p", time.Hour)
	o.write(t, bulk.ApplyWrite{Resend: []string{u.ID}})
	c.write(t, bulk.AggregateWrite{Resend: []string{u.ID}})
	must(t, s.CheckpointJob(t.Context(), held))
	must(t, s.CompleteJob(t.Context(), held))
}

func restartFlags(t *testing.T, s Store) {
	must(t, s.Restart(t.Context(), updates(0), -1, 0))
	u, done := running(t, s, companyA, 9, 1), finished(t, s, companyA)
	for i, source := range []bulk.Source{updates(0), results(0)} {
		if i == 1 {
			must(t, s.Restart(t.Context(), source, -1, 0))
			wantResend(t, s, u.ID)
		}
		// Also an upload that was flagged a moment ago.
		must(t, s.Restart(t.Context(), source, 0, 3))
		wantResend(t, s, u.ID)
	}
	equal(t, "state of the finished upload", readUpload(t, s, done.ID).State, bulk.StateFinished)
	wantNoJob(t, s, bulk.JobSplit, bulk.JobRepublish)
}

func resendFinal(t *testing.T, s Store) {
	o, c := newOwner(t, s, 0), newCounter(t, s)
	u := finished(t, s, companyA)
	unknown := newUpload(t, companyA, 1).ID
	o.write(t, bulk.ApplyWrite{Resend: []string{u.ID, unknown}})
	c.write(t, bulk.AggregateWrite{Resend: []string{u.ID, unknown}})
	n, err := s.FlagStalled(t.Context(), 0)
	must(t, err)
	equal(t, "flagged", n, 0)
	wantNoJob(t, s, bulk.JobSplit, bulk.JobRepublish)
}

func flagStalled(t *testing.T, s Store) {
	u := running(t, s, companyA, 9, 1)
	n, err := s.FlagStalled(t.Context(), 3600)
	must(t, err)
	equal(t, "flagged within the hour", n, 0)
	must(t, s.CompleteJob(t.Context(), claim(t, s, bulk.JobSplit, "p", time.Hour)))
	eventually(t, "the upload has stood still for a second", func() bool {
		n, err = s.FlagStalled(t.Context(), 1)
		must(t, err)
		return n == 1
	})
	wantResend(t, s, u.ID)
	n, err = s.FlagStalled(t.Context(), 10)
	must(t, err)
	equal(t, "flagged again", n, 0)
}
