package bulk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// ProgressStore knows how far the owners of sources have come.
type ProgressStore interface {
	// Progress returns how far a source has come; ok is false when it was never
	// begun (see Restart).
	Progress(ctx context.Context, s Source) (p Progress, ok bool, err error)
	// Restart moves next_offset from one value to another (from -1: there was
	// none) and flags every unfinished upload for resend, in one transaction:
	// the log under the source is not the one that progress was made on. Journal
	// numbers and the published mark stay. ErrMoved: next_offset is not from.
	Restart(ctx context.Context, s Source, from, to int64) error
}

// TakeUp returns where a source is to be taken up. When the log does not reach
// there (another cluster, a log cut back or pruned) rows may be gone: it restarts
// at the log's first record and every unfinished upload is sent again, which the
// marks make harmless.
func TakeUp(ctx context.Context, store ProgressStore, p Partition, log *slog.Logger) (Progress, error) {
	src := p.Source()
	prog, ok, err := store.Progress(ctx, src)
	if err != nil {
		return prog, fmt.Errorf("reading progress: %w", err)
	}
	first, end, err := p.Bounds(ctx)
	if err != nil {
		return prog, fmt.Errorf("reading the log's bounds: %w", err)
	}
	if ok && first <= prog.Next && prog.Next <= end {
		return prog, nil
	}
	from := prog.Next
	if !ok {
		from = -1
		log.Info("a log that was not read before: begins at its first record, and unfinished uploads are sent again",
			"cluster_id", src.Cluster, "offset", first)
	} else {
		log.Warn("the log does not reach to where progress stands: unfinished uploads are sent again",
			"offset", from, "first", first, "end", end)
	}
	if err := store.Restart(ctx, src, from, first); err != nil {
		return prog, fmt.Errorf("restarting on another log: %w", err)
	}
	prog.Next = first
	return prog, nil
}

// Tenures runs a stretch of ownership after the other until ctx ends: work
// returns at the first error, everything it held in memory is thrown away, and
// it begins anew from the store. work calls worked when a batch went through,
// which makes the next pause short again. moved is called when another owner was
// there.
func Tenures(ctx context.Context, log *slog.Logger, moved func(), work func(ctx context.Context, worked func()) error) {
	pause := Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}
	for ctx.Err() == nil {
		err := work(ctx, pause.Reset)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrMoved):
			moved()
			log.Info("progress was moved by another owner, reading it again")
		case errors.Is(err, ErrOffsetOutOfRange):
			log.Warn("the log no longer holds the next record", "err", err)
		default:
			log.Warn("work on a partition stopped, trying again", "err", err)
		}
		pause.Wait(ctx)
	}
}
