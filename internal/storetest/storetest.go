// Package storetest is the conformance suite of the stores: every
// implementation of package bulk's store interfaces runs it whole. It knows
// nothing of how a store works. It waits for the store's own clock where it
// must, so a store need not let itself be given the time.
package storetest

import (
	"testing"

	"sluice/internal/bulk"
)

// MaxDocBytes is the longest document that every store takes; a longer one is
// refused like any other broken constraint.
const MaxDocBytes = 300_000

// Store is all that a store does.
type Store interface {
	bulk.IntakeStore
	bulk.ReadStore
	bulk.JobStore
	bulk.SplitStore
	bulk.ApplyStore
	bulk.JournalStore
	bulk.AggregateStore
	bulk.FinishStore
	bulk.AnalyticsStore
	bulk.SettingStore
}

// check is one test of a store of its own.
type check struct {
	name string
	run  func(t *testing.T, s Store)
}

// Run checks the store that open makes: a new and empty one at each call, which
// uses Codec and is closed by a clean-up of its own.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for _, group := range []struct {
		name   string
		checks []check
	}{
		{"accept", acceptChecks()},
		{"uploads", uploadChecks()},
		{"jobs", jobChecks()},
		{"apply", applyChecks()},
		{"references", referenceChecks()},
		{"refusals", refusalChecks()},
		{"journal", journalChecks()},
		{"aggregate", aggregateChecks()},
		{"finish", finishChecks()},
		{"resend", resendChecks()},
		{"search", searchChecks()},
		{"small", smallChecks()},
		{"concurrency", concurrencyChecks()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
			}
		})
	}
}
