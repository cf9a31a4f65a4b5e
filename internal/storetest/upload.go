package storetest

import (
	"slices"
	"testing"
	"time"

	"sluice/internal/bulk"
)

func uploadChecks() []check {
	return []check{
		{"list_is_newest_first_and_paged", listPages},
		{"split_fixes_the_partition_count_once", beginSplitOnce},
		{"oldest_unfinished_upload_is_known", oldestUnfinished},
		{"owner_is_who_holds_a_job", uploadOwner},
	}
}

func listPages(t *testing.T, s Store) {
	var ofA, all []string
	for i := range 7 {
		company := companyA
		if i%3 == 2 {
			company = companyB
		}
		id := accepted(t, s, company, 1).ID
		all = append(all, id)
		if company == companyA {
			ofA = append(ofA, id)
		}
	}
	slices.Reverse(ofA)
	slices.Reverse(all)
	for company, want := range map[string][]string{companyA: ofA, "": all, "CEK000000C": nil} {
		var got []string
		before := ""
		for {
			page, err := s.Uploads(t.Context(), company, before, 2)
			must(t, err)
			for i := range page {
				got = append(got, page[i].ID)
			}
			if len(page) < 2 {
				break
			}
			before = page[1].ID
		}
		if !slices.Equal(got, want) {
			t.Errorf("uploads of %q are %v, want %v", company, got, want)
		}
	}
}

func beginSplitOnce(t *testing.T, s Store) {
	id := accepted(t, s, companyA, 5).ID
	for _, partitions := range []int32{4, 8} {
		u, err := s.BeginSplit(t.Context(), id, partitions)
		must(t, err)
		equal(t, "partitions", u.Partitions, 4)
		equal(t, "state", u.State, bulk.StateRunning)
	}
	equal(t, "stored partitions", readUpload(t, s, id).Partitions, 4)
	n, err := s.RowsCounted(t.Context(), id)
	must(t, err)
	equal(t, "rows counted", n, 0)
	u, err := s.BeginSplit(t.Context(), finished(t, s, companyA).ID, 9)
	must(t, err)
	equal(t, "state of a finished upload", u.State, bulk.StateFinished)
}

func oldestUnfinished(t *testing.T, s Store) {
	_, ok, err := s.OldestUnfinished(t.Context())
	must(t, err)
	equal(t, "ok of an empty store", ok, false)
	finished(t, s, companyA)
	_, ok, err = s.OldestUnfinished(t.Context())
	must(t, err)
	equal(t, "ok with a finished upload", ok, false)
	u := newUpload(t, companyA, 1)
	u.AcceptedAt = time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	_, _, err = s.Accept(t.Context(), u)
	must(t, err)
	accepted(t, s, companyA, 1)
	at, ok, err := s.OldestUnfinished(t.Context())
	must(t, err)
	equal(t, "ok", ok, true)
	equal(t, "oldest", at.UnixMilli(), u.AcceptedAt.UnixMilli())
}

func uploadOwner(t *testing.T, s Store) {
	id := accepted(t, s, companyA, 1).ID
	equal(t, "owner before", readUpload(t, s, id).Owner, "")
	j := claim(t, s, bulk.JobSplit, "process-1", time.Hour)
	equal(t, "owner", readUpload(t, s, id).Owner, "process-1")
	must(t, s.ReleaseJob(t.Context(), j))
	equal(t, "owner after", readUpload(t, s, id).Owner, "")
}
