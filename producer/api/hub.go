package api

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"sluice/internal/bulk"
)

// Hub tells waiting calls that their upload is finished. Notifications come from
// this process or from the log; the store is asked now and then as a fall-back.
type Hub struct {
	mu       sync.Mutex
	watchers map[string]*watch
}

// watch is shared by all who wait for one upload.
type watch struct {
	finished chan struct{}
	isClosed bool
	count    int
}

// NewHub returns a hub that nobody waits at.
func NewHub() *Hub { return &Hub{watchers: map[string]*watch{}} }

// Watch returns a channel that is closed when the upload is finished. leave must
// be called in the end.
func (h *Hub) Watch(uploadID string) (finished <-chan struct{}, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watchers[uploadID]
	if w == nil {
		w = &watch{finished: make(chan struct{})}
		h.watchers[uploadID] = w
	}
	w.count++
	return w.finished, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if w.count--; w.count == 0 && h.watchers[uploadID] == w {
			delete(h.watchers, uploadID)
		}
	}
}

// Finished wakes those who wait for the upload. Safe to repeat.
func (h *Hub) Finished(uploadID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.watchers[uploadID]; w != nil && !w.isClosed {
		w.isClosed = true
		close(w.finished)
	}
}

// waiting lists the uploads that somebody waits for.
func (h *Hub) waiting() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := slices.Collect(maps.Keys(h.watchers))
	return slices.DeleteFunc(ids, func(id string) bool { return h.watchers[id].isClosed })
}

// askEvery is how often the store is asked about waiting uploads.
const askEvery = 500 * time.Millisecond

// Run asks the store about waiting uploads until ctx ends.
func (h *Hub) Run(ctx context.Context, store bulk.ReadStore, log *slog.Logger) error {
	t := time.NewTicker(askEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		ids := h.waiting()
		if len(ids) == 0 {
			continue
		}
		final, err := store.FinalUploads(ctx, ids)
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("cannot ask which uploads are finished", "err", err)
			}
			continue
		}
		for _, id := range final {
			h.Finished(id)
		}
	}
}
