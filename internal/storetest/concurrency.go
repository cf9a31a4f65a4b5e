package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/internal/bulk"
)

func concurrencyChecks() []check {
	return []check{
		{"overlapping_partitions_lose_no_update", overlap},
		{"one_owner_of_a_partition_wins", raceForProgress},
		{"readers_see_whole_batches", readersSeeWhole},
	}
}

// retry applies until the batch is not moved away by another owner's customers.
func retry(ctx context.Context, o *owner, edits []edit) error {
	for {
		err := o.edit(ctx, edits...)
		if !errors.Is(err, bulk.ErrMoved) {
			return err
		}
	}
}

func overlap(t *testing.T, s Store) {
	const partitions, batches, perBatch, customers = 4, 12, 15, 40
	var wg sync.WaitGroup
	var written [customers]atomic.Int64
	errs := make([]error, partitions)
	for p := range partitions {
		o := newOwner(t, s, int32(p))
		random := rand.New(rand.NewPCG(1, uint64(p))) //nolint:gosec // a test's data
		wg.Go(func() {
			for b := range batches {
				var edits []edit
				for _, i := range random.Perm(customers)[:perBatch] {
					edits = append(edits, edit{company: companyA, id: customerID(i), name: fmt.Sprintf("%d-%d", p, b)})
				}
				if errs[p] = retry(t.Context(), o, edits); errs[p] != nil {
					return
				}
				for _, e := range edits {
					var i int
					if _, errs[p] = fmt.Sscanf(e.id, "KC%d", &i); errs[p] != nil {
						return
					}
					written[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	must(t, errors.Join(errs...))
	for i := range customers {
		n := written[i].Load()
		if n == 0 {
			continue
		}
		c, err := s.Customer(t.Context(), companyA, customerID(i))
		must(t, err)
		equal(t, "version of customer "+customerID(i), c.Version, n)
	}
	for p := range int32(partitions) {
		progress(t, s, updates(p), bulk.Progress{Next: batches, Seq: batches})
	}
}

func raceForProgress(t *testing.T, s Store) {
	const owners = 4
	newOwner(t, s, 0)
	for round := range int64(10) {
		var wg sync.WaitGroup
		errs := make([]error, owners)
		for i := range owners {
			o := &owner{store: s, source: updates(0), next: round, seq: round}
			wg.Go(func() {
				errs[i] = o.edit(t.Context(), edit{company: companyA, id: customerID(1), name: fmt.Sprintf("%d-%d", round, i)})
			})
		}
		wg.Wait()
		winners := 0
		for _, err := range errs {
			if err == nil {
				winners++
			} else {
				wantErr(t, err, bulk.ErrMoved)
			}
		}
		equal(t, "winners", winners, 1)
		progress(t, s, updates(0), bulk.Progress{Next: round + 1, Seq: round + 1})
		c, err := s.Customer(t.Context(), companyA, customerID(1))
		must(t, err)
		equal(t, "version", c.Version, round+1)
	}
}

func readersSeeWhole(t *testing.T, s Store) {
	o := newOwner(t, s, 0)
	edits := make([]edit, 30)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			found, err := s.SearchCustomers(t.Context(), bulk.CustomerQuery{Company: companyA, Limit: 100})
			if err != nil {
				t.Errorf("search: %v", err)
				return
			}
			for i := range found {
				if found[i].Version != found[0].Version || len(found) != len(edits) {
					t.Errorf("saw part of a batch: %d customers at versions %d and %d", len(found), found[0].Version, found[i].Version)
					return
				}
			}
		}
	})
	for b := range 20 {
		for i := range edits {
			edits[i] = edit{company: companyA, id: customerID(i), name: fmt.Sprint(b)}
		}
		if err := o.edit(t.Context(), edits...); err != nil {
			t.Errorf("apply: %v", err)
			break
		}
	}
	close(done)
	wg.Wait()
}
