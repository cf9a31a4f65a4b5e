package bulk

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrYield is returned by a job that wants to give others their turn: it is
// released and goes on from its checkpoint later.
var ErrYield = errors.New("job yields its turn")

// JobRunner claims jobs of one kind and does them, several at once. A job that
// fails keeps its lease until that runs out, which is its pause before the next
// try; meanwhile others are served.
type JobRunner struct {
	Store    JobStore
	Kind     JobKind
	Owner    string        // unique to this process
	Parallel int           // jobs at once
	TTL      time.Duration // of a lease; a dead owner's job is taken over after it
	Poll     time.Duration // how often to look when nothing wakes the runner
	Wake     Signal        // notified when a job may have become free; may be nil
	Logger   *slog.Logger
	// Do does the job; its context ends when the lease is lost. nil: done.
	Do func(ctx context.Context, l *Lease) error
}

// Lease is a claimed job that Do may checkpoint.
type Lease struct {
	Job
	store JobStore
}

// Checkpoint stores the state durably. ErrFenced: the job has another owner.
func (l *Lease) Checkpoint(ctx context.Context, state []byte) error {
	l.State = state
	return l.store.CheckpointJob(ctx, &l.Job)
}

// Run claims and does jobs until ctx ends; it returns when the jobs in hand have
// returned.
func (r *JobRunner) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, r.Parallel) // one token for each job at work
	freed := NewSignal()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		job, err := r.Store.ClaimJob(ctx, r.Kind, r.Owner, r.TTL)
		if err != nil {
			<-slots
			if !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
				r.Logger.Warn("cannot claim a job", "kind", r.Kind, "err", err)
			}
			if !r.pause(ctx, freed) {
				return nil
			}
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-slots; freed.Notify() }()
			r.do(ctx, job)
		}()
	}
}

// pause waits for a wake-up or the poll interval; false: ctx ended.
func (r *JobRunner) pause(ctx context.Context, freed Signal) bool {
	t := time.NewTimer(r.Poll)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-r.Wake:
	case <-freed:
	case <-t.C:
	}
	return true
}

// do runs one job under its lease.
func (r *JobRunner) do(parent context.Context, job *Job) {
	ctx, cancel := context.WithCancel(parent)
	renewed := make(chan struct{})
	// The renewal works on a copy: Do changes the state of its own.
	held := *job
	go func() {
		defer close(renewed)
		r.renew(ctx, &held, cancel)
	}()
	l := &Lease{Job: *job, store: r.Store}
	err := r.Do(ctx, l)
	cancel()
	<-renewed
	log := r.Logger.With("kind", r.Kind, "upload_id", job.Upload)
	// The lease is given up even when the process is stopping: others can go on at once.
	end, endCancel := context.WithTimeout(context.WithoutCancel(parent), r.TTL)
	defer endCancel()
	switch {
	case err == nil:
		err = r.Store.CompleteJob(end, &l.Job)
	case errors.Is(err, ErrYield), parent.Err() != nil:
		err = r.Store.ReleaseJob(end, &l.Job)
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrFenced):
		log.Info("job has another owner now")
	default:
		log.Warn("job failed, it is tried again when its lease ends", "err", err)
	}
}

// renew extends the lease until ctx ends and cancels the job when it is lost.
func (r *JobRunner) renew(ctx context.Context, job *Job, lost context.CancelFunc) {
	t := time.NewTicker(r.TTL / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := r.Store.RenewJob(ctx, job, r.TTL); errors.Is(err, ErrFenced) {
			lost()
			return
		} else if err != nil && ctx.Err() == nil {
			r.Logger.Warn("cannot renew a lease", "kind", r.Kind, "upload_id", job.Upload, "err", err)
		}
	}
}
