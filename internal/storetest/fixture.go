package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// deadline bounds every wait of the suite.
const deadline = 20 * time.Second

const (
	companyA = "CEK000000A"
	companyB = "CEK000000B"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// eventually asks again and again until isTrue or the deadline.
func eventually(t *testing.T, what string, isTrue func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	end := time.NewTimer(deadline)
	defer end.Stop()
	for !isTrue() {
		select {
		case <-again.C:
		case <-end.C:
			t.Fatalf("did not happen in %s: %s", deadline, what)
		}
	}
}

func newUpload(t *testing.T, company string, rows int64) *bulk.Upload {
	t.Helper()
	id, err := uuid.NewV7()
	must(t, err)
	return &bulk.Upload{
		ID: id.String(), Company: company, Kind: bulk.KindUpdate, Options: bulk.DefaultOptions(),
		Rules: bulk.RuleVersion, State: bulk.StateAccepted,
		Header: []byte("customerId\n"), Warnings: []customer.Issue{},
		Counters:   bulk.Counters{Total: rows},
		AcceptedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
}

// accepted is a new upload of the store.
func accepted(t *testing.T, s Store, company string, rows int64) *bulk.Upload {
	t.Helper()
	u, isNew, err := s.Accept(t.Context(), newUpload(t, company, rows))
	must(t, err)
	equal(t, "isNew", isNew, true)
	return u
}

// running is a new upload that is being split over some partitions.
func running(t *testing.T, s Store, company string, rows int64, partitions int32) *bulk.Upload {
	t.Helper()
	u, err := s.BeginSplit(t.Context(), accepted(t, s, company, rows).ID, partitions)
	must(t, err)
	return u
}

// finished is a new upload with its response.
func finished(t *testing.T, s Store, company string) *bulk.Upload {
	t.Helper()
	u := running(t, s, company, 1, 1)
	_, err := s.StoreResponse(t.Context(), &bulk.Response{
		Upload: u.ID, Company: company, Kind: u.Kind, Outcome: bulk.OutcomeNone,
		FinishedAt: time.Now().UnixMilli(), Body: []byte(`{}`),
	})
	must(t, err)
	u, err = s.Upload(t.Context(), u.ID)
	must(t, err)
	return u
}

func readUpload(t *testing.T, s Store, id string) *bulk.Upload {
	t.Helper()
	u, err := s.Upload(t.Context(), id)
	must(t, err)
	return u
}

// claim takes a job that must be free.
func claim(t *testing.T, s Store, kind bulk.JobKind, owner string, ttl time.Duration) *bulk.Job {
	t.Helper()
	j, err := s.ClaimJob(t.Context(), kind, owner, ttl)
	must(t, err)
	return j
}

func customerID(n int) string { return fmt.Sprintf("KC%014d", n) }
