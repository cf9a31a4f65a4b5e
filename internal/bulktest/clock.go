package bulktest

import (
	"sync"
	"time"
)

// Clock is a clock that moves one step at each look, so that no two times are
// the same and every run sees the same ones. Safe for concurrent use.
type Clock struct {
	Step time.Duration // 0: the clock stands still until Add

	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that begins at a fixed time.
func NewClock(step time.Duration) *Clock {
	return &Clock{Step: step, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// Now returns the time and moves on.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now
	c.now = now.Add(c.Step)
	return now
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
