package sqlite_test

import (
	"testing"
	"time"

	"sluice/internal/bulk"
)

func TestAFreedLeaseIsClaimedAtOnceAndItsHolderIsFenced(t *testing.T) {
	ctx := t.Context()
	s := open(t, options(t))
	if _, _, err := s.Accept(ctx, &bulk.Upload{
		ID: "u1", Company: "CEK0000001", Kind: bulk.KindCreate, Options: bulk.DefaultOptions(),
		State: bulk.StateAccepted, Counters: bulk.Counters{Total: 1}, AcceptedAt: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	dead, err := s.ClaimJob(ctx, bulk.JobSplit, "dead", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FreeLeases(ctx); err != nil {
		t.Fatal(err)
	}
	alive, err := s.ClaimJob(ctx, bulk.JobSplit, "alive", time.Hour)
	if err != nil {
		t.Fatalf("the freed job cannot be claimed: %v", err)
	}
	if alive.Fence <= dead.Fence {
		t.Fatalf("fence %d is not above the dead holder's %d", alive.Fence, dead.Fence)
	}
	if err := s.CheckpointJob(ctx, dead); err == nil {
		t.Fatal("the dead holder could still write")
	}
}
