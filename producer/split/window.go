package split

import (
	"context"
	"sync"
	"time"
)

// recheck is how long a full window is believed when nobody reports progress:
// another process may count the rows.
const recheck = 10 * time.Millisecond

// window shares what may be on the log without a result among the uploads that
// are being split, so that a small one never waits behind a large one.
type window struct {
	rows, bytes int64

	mu      sync.Mutex
	active  int64
	changed chan struct{} // closed when rows were counted
}

func newWindow(rows, bytes int64) *window {
	return &window{rows: rows, bytes: bytes, changed: make(chan struct{})}
}

func (w *window) enter() { w.add(1) }
func (w *window) leave() { w.add(-1) }

func (w *window) add(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active += n
}

// share returns how many rows an upload may have under way, given what its rows
// took so far, and a token for wait.
func (w *window) share(bytes, rows int64) (room int64, seen <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	room = w.rows / max(w.active, 1)
	if bytes > 0 && rows > 0 {
		room = min(room, w.bytes/max(w.active, 1)*rows/bytes)
	}
	return max(room, 1), w.changed
}

// counted wakes everybody who waits.
func (w *window) counted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// wait returns when rows were counted since share, or after a short while.
func (w *window) wait(ctx context.Context, seen <-chan struct{}) error {
	t := time.NewTimer(recheck)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-seen:
	case <-t.C:
	}
	return nil
}
