package bulk

import (
	"context"
	"time"
)

// Backoff is a pause that doubles from Min to Max until it is reset. Not safe
// for concurrent use.
type Backoff struct {
	Min, Max time.Duration
	next     time.Duration
}

// Wait pauses, or returns when ctx ends.
func (b *Backoff) Wait(ctx context.Context) {
	if b.next < b.Min {
		b.next = b.Min
	}
	t := time.NewTimer(b.next)
	defer t.Stop()
	b.next = min(b.next*2, b.Max)
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Reset makes the next pause the shortest one again.
func (b *Backoff) Reset() { b.next = 0 }
