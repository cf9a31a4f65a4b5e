package broker

import (
	"context"
	"fmt"
	"sync"
)

// groupSync is a group commit: whoever waits shares the next sync that begins
// after the wait began. It syncs only while someone waits.
type groupSync struct {
	sync func() error
	wake chan struct{} // holds a token while next is not nil
	one  sync.Mutex    // held during a sync

	mu     sync.Mutex
	next   *syncRound // the sync that has not begun; nil while nobody waits for one
	closed bool
	err    error         // first failure; never cleared
	failed chan struct{} // closed with the first failure
	ended  chan struct{} // closed with close
}

type syncRound struct {
	done chan struct{}
	err  error // readable once done is closed
}

func newGroupSync(sync func() error) *groupSync {
	return &groupSync{
		sync:   sync,
		wake:   make(chan struct{}, 1),
		failed: make(chan struct{}),
		ended:  make(chan struct{}),
	}
}

// wait returns when a sync that began after the call has ended.
func (g *groupSync) wait(ctx context.Context) error {
	g.mu.Lock()
	switch {
	case g.err != nil:
		defer g.mu.Unlock()
		return g.err
	case g.closed:
		defer g.mu.Unlock()
		return ErrClosed
	}
	if g.next == nil {
		g.next = &syncRound{done: make(chan struct{})}
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
	round := g.next
	g.mu.Unlock()

	select {
	case <-round.done:
		return round.err
	case <-ctx.Done():
		return fmt.Errorf("wait for log sync: %w", ctx.Err())
	}
}

// run syncs for whoever waits, until ctx ends (nil) or the log failed.
func (g *groupSync) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.ended:
			return nil
		case <-g.failed:
			return g.failure()
		case <-g.wake:
			if err := g.syncNow(); err != nil {
				return err
			}
		}
	}
}

// syncNow syncs once and releases those who waited before it began. After a
// failure it does not sync again: the kernel reports lost pages once and then
// takes them for clean, so a second sync would succeed without the data.
func (g *groupSync) syncNow() error {
	g.one.Lock()
	defer g.one.Unlock()
	g.mu.Lock()
	round := g.next
	g.next = nil
	err := g.err
	g.mu.Unlock()

	if err == nil {
		if err = g.sync(); err != nil {
			err = fmt.Errorf("sync log: %w", err)
			g.fail(err)
		} else {
			err = g.failure() // a write may have failed meanwhile
		}
	}
	if round != nil {
		round.err = err
		close(round.done)
	}
	return err
}

// close does the last sync, releases all that wait and refuses later ones. It
// returns the first failure of the log's life. Call it once.
func (g *groupSync) close() error {
	g.mu.Lock()
	g.closed = true
	close(g.ended)
	g.mu.Unlock()
	return g.syncNow()
}

// fail makes every later wait fail.
func (g *groupSync) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil && err != nil {
		g.err = err
		close(g.failed)
	}
}

func (g *groupSync) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}
