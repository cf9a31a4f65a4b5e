package intake_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/tabular"
	"sluice/producer/intake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an intake over a store, a file store and a temporary folder.
type rig struct {
	t        *testing.T
	options  intake.Options
	store    bulktest.FullStore
	files    *bulktest.Files
	dir      string
	accepted []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	clock := bulktest.NewClock(0)
	r := &rig{t: t, store: bulktest.NewStore(t, clock.Now), files: bulktest.NewFiles(), dir: t.TempDir()}
	r.options = intake.Options{
		Store: r.store, Files: r.files, Limits: tabular.DefaultLimits(), MaxBytes: 64 << 20, TempDir: r.dir, Now: clock.Now,
		Accepted: func(u *bulk.Upload) { r.accepted = append(r.accepted, u.ID) },
		Logger:   bulktest.NoLog(), Metrics: intake.NewMetrics(prometheus.NewRegistry()),
	}
	return r
}

// request is a create, which needs no company.
func request() bulk.IntakeRequest {
	return bulk.IntakeRequest{Kind: bulk.KindCreate, Company: bulktest.Company, Options: bulk.DefaultOptions(), FileName: "customers.csv"}
}

// keyed is request under an idempotency key.
func keyed(key string) bulk.IntakeRequest {
	q := request()
	q.IdempotencyKey = key
	return q
}

func (r *rig) stage(q bulk.IntakeRequest, file io.Reader) (bulk.Staged, error) {
	return intake.New(r.options).Stage(r.t.Context(), q, file)
}

// take stages and accepts a file that must be good.
func (r *rig) take(q bulk.IntakeRequest, file []byte) (u *bulk.Upload, isNew bool) {
	r.t.Helper()
	s, err := r.stage(q, bytes.NewReader(file))
	if err != nil {
		r.t.Fatal(err)
	}
	u, isNew, err = s.Accept(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	s.Discard(r.t.Context()) // does nothing after Accept
	return u, isNew
}

// wantRefusal wants a refusal for a reason that says what to do.
func wantRefusal(t *testing.T, err error, want bulk.RefusalReason) {
	t.Helper()
	var refusal *bulk.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("the error is %v, want a refusal", err)
	}
	if refusal.Reason != want || refusal.Message == "" {
		t.Fatalf("refused for %d with %q, want %d", refusal.Reason, refusal.Message, want)
	}
}

// wantNothingLeft shows I4: no file, no temporary file, no job, no upload.
func (r *rig) wantNothingLeft() {
	r.t.Helper()
	if names := r.files.Names(); len(names) > 0 || r.files.Writing() > 0 {
		r.t.Errorf("files %q are left, and %d half written", names, r.files.Writing())
	}
	r.wantNoTempFiles()
	if _, err := r.store.ClaimJob(context.Background(), bulk.JobSplit, "rig", 1); !errors.Is(err, bulk.ErrNotFound) {
		r.t.Errorf("there is a job: %v", err)
	}
	if len(r.accepted) > 0 {
		r.t.Errorf("uploads %q were accepted", r.accepted)
	}
}

func (r *rig) wantNoTempFiles() {
	r.t.Helper()
	list, err := os.ReadDir(r.dir)
	if err != nil || len(list) > 0 {
		r.t.Errorf("temporary files are left: %v, %v", list, err)
	}
}
