package history_test

import (
	"context"
	"strings"
	"time"

	"sluice/internal/bulk"
)

// settle waits until everything is at rest again (I12).
func (h *history) settle(ctx context.Context) {
	h.weather.Store(&storm{})
	if h.failure != nil {
		return
	}
	h.restart()
	end := time.Now().Add(patience)
	for {
		restless := h.restless(ctx)
		if restless == "" {
			break
		}
		if time.Now().After(end) {
			h.fail("I12: not at rest after %s: %s", patience, restless)
			return
		}
		rest(ctx, 500*time.Millisecond)
	}
	rest(ctx, 4*leaseTTL) // leases of the dead run out, and what they covered is done
}

// restart has all processes end in order and begin anew, as at a deployment: who
// passed over an unreadable record that was the last looks at it once more.
func (w *world) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		if p != nil {
			p.cancel()
		}
	}
}

// restless says what still moves; empty for nothing.
func (h *history) restless(ctx context.Context) string {
	for _, topic := range []string{bulk.TopicUpdates, bulk.TopicResults} {
		for partition := range h.events.Partitions(topic) {
			_, end := h.events.Bounds(topic, partition)
			p, ok, err := h.store.Progress(ctx, bulk.Source{Cluster: h.events.Cluster(), Topic: topic, Partition: partition})
			switch {
			case err != nil:
				return err.Error()
			case !ok || p.Next != end:
				return "lag on " + topic
			case p.Published != p.Seq:
				return "journal of " + topic + " is not all published"
			}
		}
	}
	for _, name := range h.files.Names() {
		if strings.HasPrefix(name, "spool/") && h.isOfUpload(name) {
			return name + " is still there"
		}
	}
	return ""
}

// isOfUpload tells a file of an accepted upload from one that a call left behind
// whose acceptance failed: nobody can tell those from an upload being accepted,
// so they are swept at the next start.
func (h *history) isOfUpload(name string) bool {
	for _, u := range h.uploads {
		if strings.Contains(name, u.id) {
			return true
		}
	}
	return false
}
