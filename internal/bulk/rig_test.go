package bulk_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// jobs is a job store with one kind of job, in memory.
type jobs struct {
	mu        sync.Mutex
	free      []bulk.Job
	held      map[string]bulk.Job
	log       []string // "claim a", "renew a", ...
	lost      map[string]bool
	claimErr  error
	renewErr  error
	nextFence int64
}

func newJobs(uploads ...string) *jobs {
	j := &jobs{held: map[string]bulk.Job{}, lost: map[string]bool{}}
	for _, u := range uploads {
		j.free = append(j.free, bulk.Job{Kind: bulk.JobSplit, Upload: u})
	}
	return j
}

func (s *jobs) ClaimJob(context.Context, bulk.JobKind, string, time.Duration) (*bulk.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claimErr != nil {
		return nil, s.claimErr
	}
	if len(s.free) == 0 {
		return nil, bulk.ErrNotFound
	}
	j := s.free[0]
	s.free = s.free[1:]
	s.nextFence++
	j.Fence = s.nextFence
	s.held[j.Upload] = j
	s.log = append(s.log, "claim "+j.Upload)
	return &j, nil
}

func (s *jobs) fenced(verb string, j *bulk.Job) error {
	s.log = append(s.log, verb+" "+j.Upload)
	if s.lost[j.Upload] || s.held[j.Upload].Fence != j.Fence {
		return bulk.ErrFenced
	}
	return nil
}

func (s *jobs) RenewJob(_ context.Context, j *bulk.Job, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renewErr != nil {
		return s.renewErr
	}
	return s.fenced("renew", j)
}

func (s *jobs) CheckpointJob(_ context.Context, j *bulk.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fenced("checkpoint", j); err != nil {
		return err
	}
	s.held[j.Upload] = *j
	return nil
}

func (s *jobs) ReleaseJob(ctx context.Context, j *bulk.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.fenced("release", j); err != nil {
		return err
	}
	s.free = append(s.free, s.held[j.Upload])
	delete(s.held, j.Upload)
	return nil
}

func (s *jobs) CompleteJob(ctx context.Context, j *bulk.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.fenced("complete", j); err != nil {
		return err
	}
	delete(s.held, j.Upload)
	return nil
}

// said returns what was called, without renewals.
func (s *jobs) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, line := range s.log {
		if line[:5] != "renew" {
			out = append(out, line)
		}
	}
	return out
}

func (s *jobs) do(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// runner makes a runner of one job at a time.
func runner(s bulk.JobStore, do func(context.Context, *bulk.Lease) error) *bulk.JobRunner {
	return &bulk.JobRunner{
		Store: s, Kind: bulk.JobSplit, Owner: "test", Parallel: 1, TTL: 3 * time.Second, Poll: time.Second,
		Logger: bulktest.NoLog(), Do: do,
	}
}

// run begins a runner; end stops it and waits for it.
func run(t *testing.T, r *bulk.JobRunner) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the runner returned %v", err)
		}
	}
}

var errJob = errors.New("the job failed")
