package apply_test

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
	"sluice/internal/event"
)

var errStore = errors.New("the store is away")

// TestTwoOwnersOfOnePartition is a lost partition whose owner was not told: it
// goes on with what it knew, loses the compare and swap, and forgets it all.
func TestTwoOwnersOfOnePartition(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(4)
		r.accept(bulktest.Upload)
		hold := make(chan struct{})
		frozen := r.log.Partition(bulk.TopicUpdates, 0)
		frozen.Before = func(_ context.Context, op string) error {
			if op == "durable" { // between reading the batch and applying it
				<-hold
			}
			return nil
		}
		endFrozen := r.ownPart(frozen, r.log)
		r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(2), state("Goa")))
		r.settle()
		endOther := r.own()
		r.settle()
		r.wantResults(bulktest.Upload, "1 applied", "2 applied")
		r.put(bulktest.Row(at(3, 2), about(3), state("Goa")))
		r.settle()
		close(hold)
		r.settle()
		if n := testutil.ToFloat64(r.metrics.Moved); n != 1 {
			t.Errorf("%v batches lost their compare and swap, want 1", n)
		}
		endOther()
		r.put(bulktest.Row(at(4, 3), state("Kerala")))
		r.settle()
		endFrozen()
		r.wantResults(bulktest.Upload, "1 applied", "2 applied", "3 applied", "4 applied")
		r.wantStory(nil)
		if p := r.progress(); p.Seq != p.Published {
			t.Errorf("progress is %+v", p)
		}
	})
}

// TestNothingIsAppliedBeforeItIsDurable: progress may not pass what a power cut takes.
func TestNothingIsAppliedBeforeItIsDurable(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(1)
		r.accept(bulktest.Upload)
		r.put(bulktest.Row(at(1, 0), state("Goa")))
		part := r.log.Partition(bulk.TopicUpdates, 0)
		var isDurable atomic.Bool
		part.Before = func(_ context.Context, op string) error {
			if op == "durable" && !isDurable.Load() {
				return errStore
			}
			return nil
		}
		end := r.ownPart(part, r.log)
		r.settle()
		if v := r.customer(1).Version; v != 1 {
			t.Errorf("the customer has version %d", v)
		}
		isDurable.Store(true)
		r.settle()
		end()
		r.wantStoryOf(bulktest.Upload, 1)
	})
}

// TestErrorsOfTheStore: whatever call fails, before or after it took effect, the
// rows take effect once.
func TestErrorsOfTheStore(t *testing.T) {
	for _, op := range []string{"progress", "restart", "apply", "unpublished", "mark"} {
		for _, isAfter := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after_effect_%v", op, isAfter), func(t *testing.T) {
				inBubble(t, func(_ *testing.T, r *rig) {
					r.seed(2)
					r.accept(bulktest.Upload)
					failing := 2
					r.around(func(_ context.Context, called string, call func() error) error {
						if called != op || failing == 0 {
							return call()
						}
						failing--
						if isAfter {
							return errors.Join(call(), errStore)
						}
						return errStore
					})
					r.log.Fault = failTimes(1, bulktest.PublishBefore)
					if op == "restart" {
						r.log.Move("cluster-2")
					}
					r.rows = 1
					r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(2), state("Goa")), bulktest.Row(at(3, 2), state("Kerala")))
					r.applyAll()
					r.wantStoryOf(bulktest.Upload, 3)
				})
			})
		}
	}
}

// wantStoryOf wants rows 1 to n of an upload applied once and told at least once.
func (r *rig) wantStoryOf(upload string, n int) {
	r.t.Helper()
	told := map[int64]bool{}
	for _, res := range r.results(upload) {
		if res.Status != bulk.StatusApplied {
			r.t.Errorf("row %d is %s", res.Row, res.Status)
		}
		told[res.Row] = true
	}
	made := map[string]bool{}
	for _, c := range r.changes(upload) {
		made[fmt.Sprintf("%s %d row %d", c.CustomerID, c.Version, c.Row)] = true
	}
	if len(told) != n || len(made) != n {
		r.t.Errorf("%d rows have results and %d changes are told, want %d", len(told), len(made), n)
	}
	if p := r.progress(); p.Seq != p.Published {
		r.t.Errorf("progress is %+v", p)
	}
}

// failTimes makes the first n publishes fail.
func failTimes(n int, fault bulktest.PublishFault) func([]bulk.Record) bulktest.PublishFault {
	var failed atomic.Int64
	return func([]bulk.Record) bulktest.PublishFault {
		if failed.Add(1) <= int64(n) {
			return fault
		}
		return bulktest.PublishWell
	}
}

func TestErrorsOfThePublish(t *testing.T) {
	for _, fault := range []bulktest.PublishFault{bulktest.PublishBefore, bulktest.PublishPartly, bulktest.PublishAfter} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			inBubble(t, func(_ *testing.T, r *rig) {
				r.seed(2)
				r.accept(bulktest.Upload)
				r.log.Fault = failTimes(3, fault)
				r.rows = 1
				r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(2), state("Goa")), bulktest.Row(at(3, 2), state("Kerala")))
				r.applyAll()
				r.wantStoryOf(bulktest.Upload, 3)
			})
		})
	}
}

// TestUnpublishedTailComesFirst: an owner that died between commit and publish
// left a tail; the next one publishes it, byte for byte, before anything of its own.
func TestUnpublishedTailComesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(2)
		r.accept(bulktest.Upload)
		published := r.progress().Published
		before := len(r.log.History(bulk.TopicResults))
		r.log.Fault = failTimes(1_000, bulktest.PublishBefore)
		r.rows = 1
		r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(2), state("Goa")))
		r.applyAll()
		p := r.progress()
		if p.Published != published || p.Seq == p.Published {
			t.Fatalf("progress is %+v: the mark passed a row that was not published", p)
		}
		if n := len(r.log.History(bulk.TopicResults)); n != before {
			t.Fatalf("%d results came onto the log", n-before)
		}
		tail, err := r.store.Unpublished(t.Context(), r.source(), p.Published, 100)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, row := range tail {
			err := event.EachJournal(row.Body, func(rec *bulk.Record) error {
				want = append(want, rec.Topic+" "+string(rec.Value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		r.log.Fault = func(records []bulk.Record) bulktest.PublishFault {
			for _, rec := range records {
				got = append(got, rec.Topic+" "+string(rec.Value))
			}
			return bulktest.PublishWell
		}
		r.put(bulktest.Row(at(3, 2), state("Kerala")))
		got = nil
		r.applyAll()
		if len(want) == 0 || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("what was published does not begin with the tail:\n%q\n%q", got, want)
		}
		r.wantStoryOf(bulktest.Upload, 3)
	})
}

// TestPublishedMarkNeverPassesAnUnpublishedRow looks at the mark with each
// transaction while publishes fail now and then.
func TestPublishedMarkNeverPassesAnUnpublishedRow(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(1)
		r.accept(bulktest.Upload)
		dice := bulktest.NewDice(7)
		r.log.Fault = func([]bulk.Record) bulktest.PublishFault {
			if dice.Chance(0.5) {
				return bulktest.PublishBefore
			}
			return bulktest.PublishWell
		}
		onLog := func() (last int64) { // the last row without a gap whose result is on the log
			for _, res := range r.results(bulktest.Upload) {
				if res.Row == last+1 {
					last++
				}
			}
			return last
		}
		offset := r.progress().Seq
		plain := r.store
		r.around(func(ctx context.Context, _ string, call func() error) error {
			err := call()
			p, _, readErr := plain.Progress(context.WithoutCancel(ctx), r.source())
			if readErr != nil || p.Published-offset > onLog() {
				t.Errorf("the mark says %d and row %d is the last on the log", p.Published-offset, onLog())
			}
			return err
		})
		r.rows = 1
		for n := range int64(30) {
			r.put(bulktest.Row(at(n+1, n), state(fmt.Sprint(n))))
		}
		bulktest.Rest(t.Context(), time.Second)
		end := r.own()
		bulktest.Rest(t.Context(), 5*time.Minute)
		end()
		r.wantStoryOf(bulktest.Upload, 30)
	})
}

func TestLostLog(t *testing.T) {
	cases := []struct {
		name string
		harm func(r *rig)
	}{
		{"another_cluster", func(r *rig) { r.log.Move("cluster-2") }},
		{"tail_is_gone", func(r *rig) { r.log.CutTail(bulk.TopicUpdates, 0, 2) }},
		{"beginning_is_pruned_before_it_was_read", func(r *rig) {
			r.put(bulktest.Row(at(2, 1), about(2), state("Goa")))
			r.log.Prune(bulk.TopicUpdates, 0, 100)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.seed(2)
				r.accept(bulktest.Upload)
				r.put(bulktest.Row(at(1, 0), state("Goa")))
				r.applyAll()
				c.harm(r)
				r.applyAll()
				for _, kind := range []bulk.JobKind{bulk.JobSplit, bulk.JobRepublish} {
					if !r.hasJob(kind, bulktest.Upload) {
						t.Errorf("there is no %s job", kind)
					}
				}
				r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(2), state("Goa")))
				r.applyAll()
				r.wantStoryOf(bulktest.Upload, 2)
			})
		})
	}
}

// TestLogLostUnderALiveOwner: the fetch says that the offset is outside the log.
func TestLogLostUnderALiveOwner(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(2)
		r.accept(bulktest.Upload)
		end := r.own()
		r.put(bulktest.Row(at(1, 0), state("Goa")))
		r.settle()
		r.log.CutTail(bulk.TopicUpdates, 0, 3)
		r.settle()
		r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), about(2), state("Goa")))
		r.settle()
		end()
		r.wantStoryOf(bulktest.Upload, 2)
		if !r.hasJob(bulk.JobSplit, bulktest.Upload) {
			t.Error("the upload is not sent again")
		}
	})
}

// TestRevokedOwnerEndsItsBatch: ownership ends while the transaction is under way;
// it is ended, and the next owner goes on behind it.
func TestRevokedOwnerEndsItsBatch(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(1)
		r.accept(bulktest.Upload)
		isApplying := make(chan struct{}, 1)
		slow := r.around(func(ctx context.Context, op string, call func() error) error {
			if op == "apply" {
				isApplying <- struct{}{}
				bulktest.Rest(ctx, time.Second)
			}
			return call()
		})
		r.put(bulktest.Row(at(1, 0), state("Goa")))
		end := r.own()
		<-isApplying
		end()
		if v := r.customer(1).Version; v != 2 {
			t.Errorf("the customer has version %d", v)
		}
		slow.Around = bulktest.Plain
		r.put(bulktest.Row(at(2, 1), state("Kerala")))
		r.applyAll()
		r.wantStoryOf(bulktest.Upload, 2)
	})
}
