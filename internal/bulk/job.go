package bulk

import (
	"context"
	"time"
)

// JobKind is a sort of leased work on one upload.
type JobKind string

// The kinds of job, and the role that does each.
const (
	JobSplit     JobKind = "split"     // producer: spool to row events
	JobRepublish JobKind = "republish" // apply: the upload's journal onto the log again
	JobFinish    JobKind = "finish"    // aggregate: result files and response
)

// Job is a leased piece of work. Fence grows with every claim and every reset:
// what an earlier holder still writes is refused.
type Job struct {
	Kind   JobKind
	Upload string
	Fence  int64
	State  []byte // the checkpoint; empty at the beginning
}

// JobStore leases work. Safe for concurrent use by any number of processes.
type JobStore interface {
	// ClaimJob leases the next free job of a kind to owner for ttl: the one served
	// longest ago, the smaller upload first among those never served. ErrNotFound
	// when none is free.
	ClaimJob(ctx context.Context, kind JobKind, owner string, ttl time.Duration) (*Job, error)
	// RenewJob extends the lease. ErrFenced: somebody else holds the job now.
	RenewJob(ctx context.Context, j *Job, ttl time.Duration) error
	// CheckpointJob stores j.State durably. ErrFenced as above.
	CheckpointJob(ctx context.Context, j *Job) error
	// ReleaseJob gives the job back for others to claim.
	ReleaseJob(ctx context.Context, j *Job) error
	// CompleteJob deletes the job. ErrFenced as above; safe to repeat.
	CompleteJob(ctx context.Context, j *Job) error
}

// SplitStore is the store under the split, beside JobStore.
type SplitStore interface {
	Upload(ctx context.Context, uploadID string) (*Upload, error)
	// BeginSplit fixes the upload's partition count if it has none, moves it to
	// running and returns it.
	BeginSplit(ctx context.Context, uploadID string, partitions int32) (*Upload, error)
	// RowsCounted returns the number of rows of the upload that have a result.
	RowsCounted(ctx context.Context, uploadID string) (int64, error)
}

// AnalyticsStore keeps how far analytics has come, per source.
type AnalyticsStore interface {
	// AnalyticsBlock returns the block recorded last for a source: [from, to) was
	// or is being inserted. done is false while the insert is not confirmed.
	AnalyticsBlock(ctx context.Context, s Source) (from, to int64, done, ok bool, err error)
	// RecordBlock records the boundaries of a block before its insert.
	RecordBlock(ctx context.Context, s Source, from, to int64) error
	// ConfirmBlock says that the recorded block is in the analytics store.
	ConfirmBlock(ctx context.Context, s Source, from, to int64) error
	// Journal calls fn for every journal row from the beginning, to refill
	// analytics whose log was cut.
	Journal(ctx context.Context, fn func(JournalRow) error) error
}
