package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
)

// TestHowAJobEnds holds what the runner tells the store about each outcome.
func TestHowAJobEnds(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want string // after the claim; empty: the lease is kept until it runs out
	}{
		{"done_completes", nil, "complete a"},
		{"yield_releases", bulk.ErrYield, "release a"},
		{"wrapped_yield_releases", fmt.Errorf("at a checkpoint: %w", bulk.ErrYield), "release a"},
		{"failure_keeps_the_lease", errJob, ""},
		{"lost_lease_tells_nothing", bulk.ErrFenced, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newJobs("a")
				calls := 0
				end := run(t, runner(store, func(ctx context.Context, _ *bulk.Lease) error {
					if calls++; calls > 1 { // a job that was given back is claimed again
						<-ctx.Done()
					}
					return c.err
				}))
				synctest.Wait()
				want := []string{"claim a"}
				if c.want != "" {
					want = append(want, c.want)
				}
				if got := store.said(); !slices.Equal(got[:min(2, len(got))], want) {
					t.Errorf("the store was told %q", got)
				}
				end()
			})
		})
	}
}

// TestFailingJobDelaysNobody: others are served while it pauses.
func TestFailingJobDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs("a", "b")
		end := run(t, runner(store, func(_ context.Context, l *bulk.Lease) error {
			if l.Upload == "a" {
				return errJob
			}
			return nil
		}))
		synctest.Wait()
		end()
		if got, want := store.said(), []string{"claim a", "claim b", "complete b"}; !slices.Equal(got, want) {
			t.Errorf("the store was told %q, want %q", got, want)
		}
	})
}

// TestLostLeaseCancelsTheJob: the first renewal that is refused ends it.
func TestLostLeaseCancelsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs("a")
		began := time.Now()
		var lasted time.Duration
		end := run(t, runner(store, func(ctx context.Context, _ *bulk.Lease) error {
			<-ctx.Done()
			lasted = time.Since(began)
			return ctx.Err()
		}))
		bulktest.Rest(t.Context(), 10*time.Second)
		store.do(func() {
			if len(store.held) != 1 || len(store.log) < 9 {
				t.Errorf("after ten seconds the store was told %q", store.log)
			}
			store.lost["a"] = true
		})
		bulktest.Rest(t.Context(), 2*time.Second)
		if lasted < 10*time.Second || lasted > 12*time.Second {
			t.Errorf("the job lasted %s", lasted)
		}
		end()
		if got := store.said(); !slices.Equal(got, []string{"claim a"}) {
			t.Errorf("the store was told %q", got)
		}
	})
}

// TestRenewalThatFailsOtherwiseIsTriedAgain: only a refusal says that the lease is lost.
func TestRenewalThatFailsOtherwiseIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs("a")
		store.renewErr = errors.New("the store is away")
		end := run(t, runner(store, func(ctx context.Context, _ *bulk.Lease) error {
			bulktest.Rest(ctx, 10*time.Second)
			return ctx.Err()
		}))
		bulktest.Rest(t.Context(), 20*time.Second)
		end()
		if got := store.said(); !slices.Equal(got, []string{"claim a", "complete a"}) {
			t.Errorf("the store was told %q", got)
		}
	})
}

// TestStoppingReleasesTheJob: a stop in order lets others go on at once.
func TestStoppingReleasesTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs("a")
		end := run(t, runner(store, func(ctx context.Context, _ *bulk.Lease) error {
			<-ctx.Done()
			return errors.Join(errJob, ctx.Err())
		}))
		synctest.Wait()
		end()
		if got := store.said(); !slices.Equal(got, []string{"claim a", "release a"}) {
			t.Errorf("the store was told %q", got)
		}
	})
}

// TestJobDoneWhileStoppingIsCompleted, not done again.
func TestJobDoneWhileStoppingIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs("a")
		end := run(t, runner(store, func(ctx context.Context, _ *bulk.Lease) error {
			<-ctx.Done()
			return nil
		}))
		synctest.Wait()
		end()
		if got := store.said(); !slices.Equal(got, []string{"claim a", "complete a"}) {
			t.Errorf("the store was told %q", got)
		}
	})
}

// TestCheckpointIsGivenBackWithTheJob.
func TestCheckpointIsGivenBackWithTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs("a")
		var states []string
		r := runner(store, func(ctx context.Context, l *bulk.Lease) error {
			states = append(states, string(l.State))
			if len(states) == 3 {
				return nil
			}
			if err := l.Checkpoint(ctx, fmt.Append(nil, "at ", len(states))); err != nil {
				return err
			}
			return bulk.ErrYield
		})
		r.Parallel, r.Poll = 2, time.Hour // a job given back is claimed without waiting for the poll
		end := run(t, r)
		bulktest.Rest(t.Context(), 10*time.Second)
		end()
		if !slices.Equal(states, []string{"", "at 1", "at 2"}) {
			t.Errorf("states were %q", states)
		}
	})
}

// TestParallelBoundsTheJobsAtOnce, and a free place is used at once.
func TestParallelBoundsTheJobsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs("a", "b", "c", "d", "e")
		began := time.Now()
		atOnce, most := 0, 0
		r := runner(store, func(ctx context.Context, _ *bulk.Lease) error {
			store.do(func() { atOnce++; most = max(most, atOnce) })
			bulktest.Rest(ctx, time.Second)
			store.do(func() { atOnce-- })
			return nil
		})
		r.Parallel, r.Poll = 2, time.Hour
		end := run(t, r)
		for len(store.said()) < 10 {
			bulktest.Rest(t.Context(), 100*time.Millisecond)
		}
		end()
		if took := time.Since(began); most != 2 || took > 3500*time.Millisecond {
			t.Errorf("%d at once, in %s", most, took)
		}
	})
}

// TestWhatWakesTheRunner: a signal, or the poll; and a claim that fails is tried again.
func TestWhatWakesTheRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newJobs()
		r := runner(store, func(context.Context, *bulk.Lease) error { return nil })
		r.Wake, r.Poll = bulk.NewSignal(), time.Minute
		end := run(t, r)
		put := func(upload string) { store.do(func() { store.free = append(store.free, bulk.Job{Upload: upload}) }) }
		synctest.Wait()
		put("a")
		r.Wake.Notify()
		r.Wake.Notify()
		synctest.Wait()
		if n := len(store.said()); n != 2 {
			t.Errorf("the signal woke nobody: %q", store.said())
		}
		put("b")
		store.do(func() { store.claimErr = errors.New("the store is away") })
		bulktest.Rest(t.Context(), 61*time.Second)
		store.do(func() { store.claimErr = nil })
		bulktest.Rest(t.Context(), 61*time.Second)
		if n := len(store.said()); n != 4 {
			t.Errorf("the poll found nothing: %q", store.said())
		}
		end()
	})
}
