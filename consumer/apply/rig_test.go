package apply_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sluice/consumer/apply"
	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
	"sluice/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a store, a log with one partition of customer.updates, and what an owner
// of it is made of.
type rig struct {
	t       *testing.T
	store   bulktest.FullStore
	read    bulk.ReadStore
	log     *bulktest.Log
	codec   *event.Codec
	metrics *apply.Metrics
	rows    int // of a batch at most
}

// inBubble runs a test on virtual time over a new rig.
func inBubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	bulktest.PrepareDatabase(t)
	synctest.Test(t, func(t *testing.T) {
		s := bulktest.NewStore(t, time.Now)
		test(t, &rig{
			t: t, store: s, read: s, log: bulktest.NewLog("cluster-1", bulktest.DefaultTopics(1, 1)),
			codec: bulktest.Codec(), metrics: apply.NewMetrics(prometheus.NewRegistry()),
		})
	})
}

// source is the partition under test.
func (r *rig) source() bulk.Source {
	return bulk.Source{Cluster: r.log.Cluster(), Topic: bulk.TopicUpdates, Partition: 0}
}

// accept makes an upload that is being split over one partition.
func (r *rig) accept(id string, options ...func(*bulk.Upload)) {
	r.t.Helper()
	u := bulktest.NewUpload(id)
	u.Counters.Total = 1_000
	for _, o := range options {
		o(u)
	}
	if _, _, err := r.store.Accept(r.t.Context(), u); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.store.BeginSplit(r.t.Context(), id, 1); err != nil {
		r.t.Fatal(err)
	}
	// The split is over: a job found later was made by a resend.
	job, err := r.store.ClaimJob(r.t.Context(), bulk.JobSplit, "rig", time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.CompleteJob(r.t.Context(), job); err != nil {
		r.t.Fatal(err)
	}
}

// put puts rows on the log.
func (r *rig) put(rows ...bulk.Row) {
	r.t.Helper()
	records := make([]bulk.Record, len(rows))
	for i := range rows {
		records[i] = r.codec.RowRecord(nil, &rows[i], 0)
	}
	r.putRecords(records...)
}

func (r *rig) putRecords(records ...bulk.Record) {
	r.t.Helper()
	if fault := r.log.Fault; fault != nil { // else an owner may be publishing beside
		r.log.Fault = nil
		defer func() { r.log.Fault = fault }()
	}
	if err := r.log.Publish(r.t.Context(), records); err != nil {
		r.t.Fatal(err)
	}
}

// own begins an owner; end stops it and waits for it.
func (r *rig) own() (end func()) { return r.ownPart(r.log.Partition(bulk.TopicUpdates, 0), r.log) }

func (r *rig) ownPart(part bulk.Partition, publisher bulk.Publisher) (end func()) {
	owner := apply.New(apply.Options{
		Store: r.store, Publisher: publisher, Codec: r.codec, Now: time.Now, Logger: bulktest.NoLog(),
		Metrics: r.metrics, BatchRows: r.rows,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- owner.Run(ctx, part) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("the owner returned %v", err)
		}
	}
}

// settle lets owners work until they are idle and have stored their marks.
func (r *rig) settle() {
	bulktest.Rest(r.t.Context(), 20*time.Second)
	synctest.Wait()
}

// applyAll has one owner apply what is on the log.
func (r *rig) applyAll() {
	r.t.Helper()
	end := r.own()
	r.settle()
	end()
}

// seed creates customers 1 to n, with the references R1 to Rn, under an upload of their own.
func (r *rig) seed(n int) {
	r.t.Helper()
	const upload = "01900000-0000-7000-8000-00000000seed"
	r.accept(upload, func(u *bulk.Upload) { u.Kind = bulk.KindCreate })
	for i := range n {
		r.put(bulktest.Row(bulktest.Of(upload), bulktest.Create(), bulktest.About(i+1), bulktest.At(int64(i+1), int64(i)),
			bulktest.Set(customer.LegalName, "Asha"), bulktest.Set(customer.UniqueRefNo, ref(i+1))))
	}
	r.applyAll()
}

func ref(n int) string { return fmt.Sprintf("R%d", n) }

func (r *rig) customer(n int) *customer.Customer {
	r.t.Helper()
	c, err := r.read.Customer(r.t.Context(), bulktest.Company, bulktest.CustomerID(n))
	if err != nil {
		r.t.Fatalf("customer %d: %v", n, err)
	}
	return c
}

// results are the results that came onto the log, copies included, in that order.
func (r *rig) results(upload string) []bulk.Result {
	r.t.Helper()
	var out []bulk.Result
	for _, rec := range r.log.History(bulk.TopicResults) {
		var b bulk.ResultBatch
		if err := r.codec.DecodeResults(rec.Value, &b); err != nil {
			r.t.Fatal(err)
		}
		if b.Upload == upload {
			out = append(out, b.Results...)
		}
	}
	return out
}

func (r *rig) changes(upload string) []bulk.Change {
	r.t.Helper()
	var out []bulk.Change
	for _, rec := range r.log.History(bulk.TopicChanges) {
		var c bulk.Change
		if err := r.codec.DecodeChange(rec.Value, &c); err != nil {
			r.t.Fatal(err)
		}
		if c.Upload == upload {
			out = append(out, c)
		}
	}
	return out
}

func (r *rig) progress() bulk.Progress {
	r.t.Helper()
	p, ok, err := r.store.Progress(r.t.Context(), r.source())
	if err != nil || !ok {
		r.t.Fatalf("progress: %v, %v", ok, err)
	}
	return p
}

// said gives results as "row status code" for comparing.
func said(results []bulk.Result) []string {
	out := make([]string, len(results))
	for i, res := range results {
		out[i] = fmt.Sprintf("%d %s", res.Row, res.Status)
		for _, e := range res.Errors {
			out[i] += " " + string(e.Code)
		}
	}
	return out
}

func (r *rig) wantResults(upload string, want ...string) {
	r.t.Helper()
	if got := said(r.results(upload)); !slices.Equal(got, want) {
		r.t.Errorf("results are %q, want %q", got, want)
	}
}

// hasJob reports whether an upload has a job of a kind.
func (r *rig) hasJob(kind bulk.JobKind, upload string) bool {
	r.t.Helper()
	job, err := r.store.ClaimJob(r.t.Context(), kind, "rig", time.Millisecond)
	if err != nil && !errors.Is(err, bulk.ErrNotFound) {
		r.t.Fatal(err)
	}
	return err == nil && job.Upload == upload
}
