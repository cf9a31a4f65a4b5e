package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
)

// TestCounting is about an upload of 5 rows: 1, 3 and 4 in source 0, 2 in source
// 1, 5 rejected by the split.
func TestCounting(t *testing.T) {
	of := func(b bulk.ResultBatch, change func(*bulk.ResultBatch)) bulk.ResultBatch {
		change(&b)
		return b
	}
	all := []bulk.ResultBatch{applied(0, 0, 1, 3, 4), applied(1, 0, 2), applied(2, 0, 5), ends(5, 4, 2, 5)}
	cases := []struct {
		name       string
		batches    []bulk.ResultBatch
		applied    int64
		isComplete bool
		isResent   bool
	}{
		{"every_row_counts", all, 5, true, false},
		{"ends_may_come_first", []bulk.ResultBatch{all[3], all[0], all[1], all[2]}, 5, true, false},
		{"sources_come_in_any_order", []bulk.ResultBatch{all[2], all[1], all[3], all[0]}, 5, true, false},
		{"nothing_is_complete_before_its_ends", all[:3], 5, false, false},
		{"one_row_missing_is_not_complete", []bulk.ResultBatch{all[0], all[2], all[3]}, 4, false, false},
		{"redelivered_batches_count_once", slices.Concat(all, all, all), 5, true, false},
		{"overlapping_cuts_count_once", slices.Concat([]bulk.ResultBatch{applied(0, 0, 1), applied(0, 0, 1, 3), applied(0, 1, 3, 4), applied(0, 0, 1, 3, 4)}, all[1:]), 5, true, false},
		{"older_batch_again_moves_nothing_back", slices.Concat(all, []bulk.ResultBatch{applied(0, 0, 1)}), 5, true, false},
		{"older_batch_again_before_the_ends", []bulk.ResultBatch{all[0], applied(0, 0, 1), all[1], all[2], all[3]}, 5, true, false},
		{"batch_behind_a_gap_is_dropped_and_flags_resend", slices.Concat([]bulk.ResultBatch{applied(0, 0, 1), applied(0, 3, 4)}, all[1:]), 3, false, true},
		{"resent_batches_close_the_gap", slices.Concat([]bulk.ResultBatch{applied(0, 0, 1), applied(0, 3, 4)}, all), 5, true, true},
		{"first_batch_missing_is_a_gap", []bulk.ResultBatch{applied(0, 3, 4)}, 0, false, true},
		{"ends_count_once", slices.Concat([]bulk.ResultBatch{all[3], ends(5, 1, 0, 0)}, all[:3]), 5, true, false},
		{"ends_of_other_sources_are_ignored", slices.Concat([]bulk.ResultBatch{ends(5, 4, 5)}, all), 5, true, false},
		{"unknown_source_changes_nothing", []bulk.ResultBatch{applied(3, 0, 1), applied(-1, 0, 1)}, 0, false, false},
		{"another_company_changes_nothing", []bulk.ResultBatch{of(all[0], func(b *bulk.ResultBatch) { b.Company = "CEK0000002" })}, 0, false, false},
		{"unknown_upload_changes_nothing", []bulk.ResultBatch{of(all[0], func(b *bulk.ResultBatch) { b.Upload = "nobody" }), all[1]}, 1, false, false},
	}
	for _, c := range cases {
		for _, isOneBatch := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/at_once_%v", c.name, isOneBatch), func(t *testing.T) {
				inBubble(t, func(t *testing.T, r *rig) {
					r.accept(bulktest.Upload, 5)
					end := func() {}
					if !isOneBatch {
						end = r.own(r.partition())
					}
					for _, b := range c.batches {
						r.put(b)
						if !isOneBatch {
							r.settle()
						}
					}
					end()
					r.countAll()
					r.wantCount(c.applied, c.isComplete)
					if isResent := r.claim(bulk.JobSplit) != nil && r.claim(bulk.JobRepublish) != nil; isResent != c.isResent {
						t.Errorf("it is sent again: %v, want %v", isResent, c.isResent)
					}
				})
			})
		}
	}
}

// wantCount wants so many applied rows of amount 1, and a finish job if complete.
func (r *rig) wantCount(want int64, isComplete bool) {
	r.t.Helper()
	u := r.upload(bulktest.Upload)
	if u.Counters.Applied != want || u.Counters.Amount.String() != fmt.Sprint(want) || u.Counters.Done() != want {
		r.t.Errorf("counted %+v, want %d applied", u.Counters, want)
	}
	job := r.claim(bulk.JobFinish)
	if (job != nil) != isComplete || (u.State == bulk.StateFinishing) != isComplete || slices.Contains(r.completed, u.ID) != isComplete {
		r.t.Errorf("finish job %v, state %s, told of %v: want complete %v", job, u.State, r.completed, isComplete)
	}
}

func TestCountersOfEveryStatus(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload, 4)
		one := customer.DecimalFromUnits(10_000)
		warning := []customer.Issue{{Column: -1, Code: customer.RepeatedRow, Message: "again"}}
		r.put(bulk.ResultBatch{Upload: bulktest.Upload, Company: bulktest.Company, Last: 4, Results: []bulk.Result{
			{Row: 1, Status: bulk.StatusApplied, Amount: one},
			{Row: 2, Status: bulk.StatusUnchanged, Amount: one, Warnings: warning},
			{Row: 3, Status: bulk.StatusFailed, Amount: one, Warnings: append(warning, warning...)},
			{Row: 4, Status: bulk.StatusUnprocessed, Amount: one},
		}})
		r.countAll()
		c := r.upload(bulktest.Upload).Counters
		want := bulk.Counters{Total: 4, Applied: 1, Unchanged: 1, Failed: 1, Unprocessed: 1, Warned: 2, Amount: customer.DecimalFromUnits(20_000)}
		if c != want {
			t.Errorf("counted %+v, want %+v", c, want)
		}
	})
}

func TestUploadNotYetSplitOrAnsweredCountsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		u := bulktest.NewUpload(bulktest.Upload)
		u.Counters.Total = 1
		if _, _, err := r.store.Accept(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		r.put(applied(0, 0, 1), ends(1, 1, 0, 0))
		r.countAll()
		r.wantCount(0, false)
		if _, err := r.store.BeginSplit(t.Context(), u.ID, partitions); err != nil {
			t.Fatal(err)
		}
		if _, err := r.store.StoreResponse(t.Context(), &bulk.Response{
			Upload: u.ID, Company: u.Company, Kind: u.Kind,
			Outcome: bulk.OutcomeNone, Body: []byte("{}"),
		}); err != nil {
			t.Fatal(err)
		}
		r.put(applied(0, 0, 1), ends(1, 1, 0, 0))
		r.countAll()
		if c := r.upload(u.ID).Counters; c.Done() != 0 || r.claim(bulk.JobFinish) != nil {
			t.Errorf("counted %+v, or there is a finish job", c)
		}
	})
}

// TestPoison shows I9: what cannot be read is set aside and delays nobody.
func TestPoison(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload, 2)
		r.put(applied(0, 0, 1), applied(0, 1, 2), applied(1, 0, 3))
		i := 0
		r.log.Tamper(bulk.TopicResults, 0, func(rec *bulk.Record) {
			if i == 1 {
				rec.Value = []byte("poison")
			}
			i++
		})
		failed := false
		r.log.Fault = func([]bulk.Record) bulktest.PublishFault {
			if !failed {
				failed = true
				return bulktest.PublishBefore
			}
			return bulktest.PublishWell
		}
		r.countAll()
		r.wantCount(2, false)
		letters := r.log.Records(bulk.TopicDeadLetters)
		if len(letters) != 1 || string(letters[0].Value) != "poison" || string(letters[0].HeaderValue("topic")) != bulk.TopicResults {
			t.Errorf("dead letters are %+v", letters)
		}
	})
}

// TestNothingIsCountedBeforeItIsDurable: progress may not pass what a power cut takes.
func TestNothingIsCountedBeforeItIsDurable(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload, 5)
		r.put(applied(0, 0, 1))
		part := r.partition()
		var isDurable atomic.Bool
		part.Before = func(_ context.Context, op string) error {
			if op == "durable" && !isDurable.Load() {
				return errors.New("the disk is away")
			}
			return nil
		}
		end := r.own(part)
		r.settle()
		if n := r.upload(bulktest.Upload).Counters.Done(); n != 0 {
			t.Errorf("%d rows were counted", n)
		}
		isDurable.Store(true)
		r.settle()
		end()
		r.wantCount(1, false)
	})
}

// TestTwoCountersOfOnePartition is a lost partition whose owner was not told.
func TestTwoCountersOfOnePartition(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload, 5)
		hold := make(chan struct{})
		frozen := r.partition()
		frozen.Before = func(_ context.Context, op string) error {
			if op == "durable" {
				<-hold
			}
			return nil
		}
		endFrozen := r.own(frozen)
		r.put(applied(0, 0, 1, 3))
		r.settle()
		endOther := r.own(r.partition())
		r.settle()
		r.put(applied(0, 3, 4))
		r.settle()
		close(hold)
		r.settle()
		endOther()
		r.put(applied(1, 0, 2))
		r.settle()
		endFrozen()
		if n := testutil.ToFloat64(r.metrics.Moved); n != 1 {
			t.Errorf("%v batches lost their compare and swap, want 1", n)
		}
		r.wantCount(4, false)
	})
}

func TestErrorsOfTheStore(t *testing.T) {
	errStore := errors.New("the store is away")
	for _, op := range []string{"progress", "restart", "aggregate"} {
		for _, isAfter := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after_effect_%v", op, isAfter), func(t *testing.T) {
				inBubble(t, func(_ *testing.T, r *rig) {
					r.accept(bulktest.Upload, 5)
					failing := 2
					r.store = &bulktest.Store{Inner: r.store, Around: func(_ context.Context, called string, call func() error) error {
						if called != op || failing == 0 {
							return call()
						}
						failing--
						if isAfter {
							return errors.Join(call(), errStore)
						}
						return errStore
					}}
					r.put(applied(0, 0, 1, 3, 4), applied(1, 0, 2), applied(2, 0, 5), ends(5, 4, 2, 5))
					r.countAll()
					// Told or not, the job is there: a call that took effect may not have said so.
					r.completed = []string{bulktest.Upload}
					r.wantCount(5, true)
				})
			})
		}
	}
}

// TestLostLogIsCountedAnew: another cluster's log begins at 0, and the upload is
// sent again; what comes twice counts once.
func TestLostLogIsCountedAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload, 5)
		r.put(applied(0, 0, 1, 3), applied(1, 0, 2))
		r.countAll()
		r.log.Move("cluster-2")
		r.countAll()
		if r.claim(bulk.JobSplit) == nil || r.claim(bulk.JobRepublish) == nil {
			t.Error("the upload is not sent again")
		}
		r.put(applied(0, 0, 1, 3, 4), applied(1, 0, 2), applied(2, 0, 5), ends(5, 4, 2, 5))
		r.countAll()
		r.wantCount(5, true)
	})
}

// TestWatch flags what stands still, once in that time.
func TestWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload, 5)
		r.put(applied(0, 0, 1))
		r.countAll()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.counter().Watch(ctx, 60) }()
		bulktest.Rest(t.Context(), 30*time.Second)
		if n := testutil.ToFloat64(r.metrics.Resent); n != 0 {
			t.Errorf("%v uploads were sent again after half a minute", n)
		}
		bulktest.Rest(t.Context(), 60*time.Second)
		if n := testutil.ToFloat64(r.metrics.Resent); n != 1 {
			t.Errorf("%v uploads were sent again, want 1", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
