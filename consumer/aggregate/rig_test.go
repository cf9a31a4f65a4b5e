package aggregate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sluice/consumer/aggregate"
	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/tabular"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a store, a log with one partition of bulk.results, a file store, and
// what counts and finishes over them.
type rig struct {
	t         *testing.T
	store     bulktest.FullStore
	log       *bulktest.Log
	files     *bulktest.Files
	codec     *event.Codec
	metrics   *aggregate.Metrics
	clock     *bulktest.Clock
	completed []string
}

// inBubble runs a test on virtual time over a new rig.
func inBubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	bulktest.PrepareDatabase(t)
	synctest.Test(t, func(t *testing.T) {
		r := &rig{
			t: t, store: bulktest.NewStore(t, time.Now), log: bulktest.NewLog("cluster-1", bulktest.DefaultTopics(2, 1)),
			files: bulktest.NewFiles(), codec: bulktest.Codec(), metrics: aggregate.NewMetrics(prometheus.NewRegistry()),
			clock: bulktest.NewClock(0),
		}
		r.countAll() // the first take-up of a partition has every unfinished upload sent again
		test(t, r)
	})
}

// partitions is how many partitions the uploads of the rig are split over: there
// are results of sources 0 and 1, and of the split, which is 2.
const partitions = 2

// accept makes an upload of so many rows that was split.
func (r *rig) accept(id string, rows int64, options ...func(*bulk.Upload)) {
	r.t.Helper()
	u := bulktest.NewUpload(id)
	u.Counters.Total = rows
	for _, o := range options {
		o(u)
	}
	if _, _, err := r.store.Accept(r.t.Context(), u); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.store.BeginSplit(r.t.Context(), id, partitions); err != nil {
		r.t.Fatal(err)
	}
	job, err := r.store.ClaimJob(r.t.Context(), bulk.JobSplit, "rig", time.Hour)
	if err == nil {
		err = r.store.CompleteJob(r.t.Context(), job)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// counter makes a counter over the rig.
func (r *rig) counter() *aggregate.Counter {
	return aggregate.NewCounter(aggregate.CounterOptions{
		Store: r.store, Publisher: r.log, Codec: r.codec, Logger: bulktest.NoLog(), Metrics: r.metrics,
		Completed: func(uploads []string) { r.completed = append(r.completed, uploads...) },
	})
}

// own begins a counter of the one partition; end stops it and waits for it.
func (r *rig) own(part *bulktest.Partition) (end func()) {
	c := r.counter()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, part) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("the counter returned %v", err)
		}
	}
}

func (r *rig) partition() *bulktest.Partition { return r.log.Partition(bulk.TopicResults, 0) }

// settle lets counters work until they are idle.
func (r *rig) settle() {
	bulktest.Rest(r.t.Context(), 20*time.Second)
	synctest.Wait()
}

// countAll has one counter count what is on the log.
func (r *rig) countAll() {
	r.t.Helper()
	end := r.own(r.partition())
	r.settle()
	end()
}

// put puts result events on the log.
func (r *rig) put(batches ...bulk.ResultBatch) {
	r.t.Helper()
	for i := range batches {
		if err := r.log.Publish(r.t.Context(), r.codec.ResultRecords(&batches[i], 0)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// applied builds results of applied rows, each of amount 1, in (prev, last] of a source.
func applied(source int32, prev int64, rows ...int64) bulk.ResultBatch {
	b := bulk.ResultBatch{Upload: bulktest.Upload, Company: bulktest.Company, Source: source, Prev: prev, Last: rows[len(rows)-1]}
	for _, row := range rows {
		b.Results = append(b.Results, bulk.Result{
			Row: row, Status: bulk.StatusApplied, CustomerID: bulktest.CustomerID(int(row)), Version: 1,
			Amount: customer.DecimalFromUnits(10_000),
		})
	}
	return b
}

// ends announces where the sources end.
func ends(rows int64, last ...int64) bulk.ResultBatch {
	return bulk.ResultBatch{Upload: bulktest.Upload, Company: bulktest.Company, Source: partitions, Ends: last, Rows: rows}
}

func (r *rig) upload(id string) *bulk.Upload {
	r.t.Helper()
	u, err := r.store.Upload(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

// claim takes a job if there is one.
func (r *rig) claim(kind bulk.JobKind) *bulk.Job {
	r.t.Helper()
	job, err := r.store.ClaimJob(r.t.Context(), kind, "rig", time.Millisecond)
	if errors.Is(err, bulk.ErrNotFound) {
		return nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return job
}

// finisher makes a finisher over the rig.
func (r *rig) finisher() *aggregate.Finisher {
	return aggregate.NewFinisher(aggregate.FinisherOptions{
		Store: r.store, Files: r.files, Publisher: r.log, Codec: r.codec, Limits: tabular.DefaultLimits(),
		Signer: &bulk.FileSigner{Key: []byte("a key"), Life: 24 * time.Hour}, Now: r.clock.Now,
		Logger: bulktest.NoLog(), Metrics: r.metrics,
	})
}

// finish does the finish job of an upload once.
func (r *rig) finish(id string) error {
	return r.finisher().Do(r.t.Context(), &bulk.Lease{Job: bulk.Job{Kind: bulk.JobFinish, Upload: id}})
}
