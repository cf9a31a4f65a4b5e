package bulktest

import (
	"context"
	"slices"
	"time"

	"sluice/internal/bulk"
)

// FullStore is what the roles need of a store.
type FullStore interface {
	bulk.ApplyStore
	bulk.AggregateStore
	bulk.FinishStore
	bulk.IntakeStore
	bulk.JobStore
	bulk.JournalStore
	BeginSplit(ctx context.Context, uploadID string, partitions int32) (*bulk.Upload, error)
	RowsCounted(ctx context.Context, uploadID string) (int64, error)
}

// Store wraps a store: every call goes through Around, which may wait, call fn or
// not, and return fn's error or another. An error after fn was called is a call
// whose outcome the caller does not know.
type Store struct {
	Inner  FullStore
	Around func(ctx context.Context, op string, fn func() error) error
	// Veto, if not nil, is asked inside the transactions of Apply and Aggregate
	// ("apply", "aggregate") after decide has returned; its error ends them.
	Veto func(op string) error
	// Twice, if not nil, says whether decide is called once more, as a store does
	// that begins its transaction anew.
	Twice func() bool
}

// end is asked when decide has returned.
func (s *Store) end(op string, err error) error {
	if err != nil || s.Veto == nil {
		return err
	}
	return s.Veto(op)
}

func (s *Store) isTwice() bool { return s.Twice != nil && s.Twice() }

// Plain calls fn and nothing else.
func Plain(_ context.Context, _ string, fn func() error) error { return fn() }

func around[T any](ctx context.Context, s *Store, op string, fn func() (T, error)) (T, error) {
	var out, none T
	err := s.Around(ctx, op, func() (err error) {
		out, err = fn()
		return err
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

// Progress implements bulk.ProgressStore.
func (s *Store) Progress(ctx context.Context, src bulk.Source) (p bulk.Progress, ok bool, err error) {
	err = s.Around(ctx, "progress", func() (err error) {
		p, ok, err = s.Inner.Progress(ctx, src)
		return err
	})
	return p, ok, err
}

// Restart implements bulk.ProgressStore.
func (s *Store) Restart(ctx context.Context, src bulk.Source, from, to int64) error {
	return s.Around(ctx, "restart", func() error { return s.Inner.Restart(ctx, src, from, to) })
}

// Apply implements bulk.ApplyStore. What decide is given is destroyed when it has
// returned: it must not be kept.
func (s *Store) Apply(ctx context.Context, b *bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error)) error {
	return s.Around(ctx, "apply", func() error {
		var lent [][]byte
		err := s.Inner.Apply(ctx, b, func(v *bulk.ApplyView) (w *bulk.ApplyWrite, err error) {
			if s.isTwice() {
				if _, err := decide(v); err != nil {
					return nil, err
				}
			}
			mine := *v
			mine.Found = slices.Clone(v.Found)
			for i := range mine.Found {
				mine.Found[i].Doc = slices.Clone(v.Found[i].Doc)
				lent = append(lent, mine.Found[i].Doc)
			}
			w, err = decide(&mine)
			return w, s.end("apply", err)
		})
		for _, doc := range lent {
			clear(doc)
		}
		return err
	})
}

// Unpublished implements bulk.ApplyStore.
func (s *Store) Unpublished(ctx context.Context, src bulk.Source, after int64, limit int) ([]bulk.JournalRow, error) {
	return around(ctx, s, "unpublished", func() ([]bulk.JournalRow, error) { return s.Inner.Unpublished(ctx, src, after, limit) })
}

// MarkPublished implements bulk.ApplyStore.
func (s *Store) MarkPublished(ctx context.Context, src bulk.Source, seq int64) error {
	return s.Around(ctx, "mark", func() error { return s.Inner.MarkPublished(ctx, src, seq) })
}

// UploadJournal implements bulk.JournalStore.
func (s *Store) UploadJournal(ctx context.Context, uploadID string, fn func(bulk.JournalRow) error) error {
	return s.Around(ctx, "journal", func() error { return s.Inner.UploadJournal(ctx, uploadID, fn) })
}

// Aggregate implements bulk.AggregateStore.
func (s *Store) Aggregate(ctx context.Context, b *bulk.AggregateBatch, decide func([]bulk.Tally) (*bulk.AggregateWrite, error)) error {
	return s.Around(ctx, "aggregate", func() error {
		return s.Inner.Aggregate(ctx, b, func(t []bulk.Tally) (*bulk.AggregateWrite, error) {
			if s.isTwice() {
				if _, err := decide(t); err != nil {
					return nil, err
				}
			}
			w, err := decide(t)
			return w, s.end("aggregate", err)
		})
	})
}

// FlagStalled implements bulk.AggregateStore.
func (s *Store) FlagStalled(ctx context.Context, seconds int) (int, error) {
	return around(ctx, s, "stalled", func() (int, error) { return s.Inner.FlagStalled(ctx, seconds) })
}

// Upload implements bulk.FinishStore and bulk.SplitStore.
func (s *Store) Upload(ctx context.Context, uploadID string) (*bulk.Upload, error) {
	return around(ctx, s, "upload", func() (*bulk.Upload, error) { return s.Inner.Upload(ctx, uploadID) })
}

// Response implements bulk.FinishStore.
func (s *Store) Response(ctx context.Context, uploadID string) (*bulk.Response, error) {
	return around(ctx, s, "response", func() (*bulk.Response, error) { return s.Inner.Response(ctx, uploadID) })
}

// Chunks implements bulk.FinishStore.
func (s *Store) Chunks(ctx context.Context, uploadID string, source int32, after int64, limit int) ([]bulk.ResultChunk, error) {
	return around(ctx, s, "chunks", func() ([]bulk.ResultChunk, error) { return s.Inner.Chunks(ctx, uploadID, source, after, limit) })
}

// StoreResponse implements bulk.FinishStore.
func (s *Store) StoreResponse(ctx context.Context, r *bulk.Response) (*bulk.Response, error) {
	return around(ctx, s, "store-response", func() (*bulk.Response, error) { return s.Inner.StoreResponse(ctx, r) })
}

// DropChunks implements bulk.FinishStore.
func (s *Store) DropChunks(ctx context.Context, uploadID string) error {
	return s.Around(ctx, "drop-chunks", func() error { return s.Inner.DropChunks(ctx, uploadID) })
}

// CompanyExists implements bulk.IntakeStore.
func (s *Store) CompanyExists(ctx context.Context, company string) (bool, error) {
	return around(ctx, s, "company", func() (bool, error) { return s.Inner.CompanyExists(ctx, company) })
}

// UploadByKey implements bulk.IntakeStore.
func (s *Store) UploadByKey(ctx context.Context, caller, key string) (*bulk.Upload, error) {
	return around(ctx, s, "key", func() (*bulk.Upload, error) { return s.Inner.UploadByKey(ctx, caller, key) })
}

// Accept implements bulk.IntakeStore.
func (s *Store) Accept(ctx context.Context, u *bulk.Upload) (accepted *bulk.Upload, isNew bool, err error) {
	err = s.Around(ctx, "accept", func() (err error) {
		accepted, isNew, err = s.Inner.Accept(ctx, u)
		return err
	})
	return accepted, isNew, err
}

// ClaimJob implements bulk.JobStore.
func (s *Store) ClaimJob(ctx context.Context, kind bulk.JobKind, owner string, ttl time.Duration) (*bulk.Job, error) {
	return around(ctx, s, "claim", func() (*bulk.Job, error) { return s.Inner.ClaimJob(ctx, kind, owner, ttl) })
}

// RenewJob implements bulk.JobStore.
func (s *Store) RenewJob(ctx context.Context, j *bulk.Job, ttl time.Duration) error {
	return s.Around(ctx, "renew", func() error { return s.Inner.RenewJob(ctx, j, ttl) })
}

// CheckpointJob implements bulk.JobStore.
func (s *Store) CheckpointJob(ctx context.Context, j *bulk.Job) error {
	return s.Around(ctx, "checkpoint", func() error { return s.Inner.CheckpointJob(ctx, j) })
}

// ReleaseJob implements bulk.JobStore.
func (s *Store) ReleaseJob(ctx context.Context, j *bulk.Job) error {
	return s.Around(ctx, "release", func() error { return s.Inner.ReleaseJob(ctx, j) })
}

// CompleteJob implements bulk.JobStore.
func (s *Store) CompleteJob(ctx context.Context, j *bulk.Job) error {
	return s.Around(ctx, "complete", func() error { return s.Inner.CompleteJob(ctx, j) })
}

// BeginSplit implements bulk.SplitStore.
func (s *Store) BeginSplit(ctx context.Context, uploadID string, partitions int32) (*bulk.Upload, error) {
	return around(ctx, s, "begin-split", func() (*bulk.Upload, error) { return s.Inner.BeginSplit(ctx, uploadID, partitions) })
}

// RowsCounted implements bulk.SplitStore.
func (s *Store) RowsCounted(ctx context.Context, uploadID string) (int64, error) {
	return around(ctx, s, "counted", func() (int64, error) { return s.Inner.RowsCounted(ctx, uploadID) })
}
