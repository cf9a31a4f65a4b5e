package broker_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/internal/broker"
)

// deadline bounds every wait of these tests.
const deadline = 20 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// runSync runs g until the test ends and returns what run returned.
func runSync(t *testing.T, g *broker.GroupSync) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done <- broker.Run(g, ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return done
}

func TestWaiterIsReleasedOnlyBySyncThatBeganAfterIt(t *testing.T) {
	ctx := testContext(t)
	began, proceed := make(chan int32), make(chan struct{})
	var count atomic.Int32
	g := broker.NewGroupSync(func() error {
		began <- count.Add(1)
		<-proceed
		return nil
	})
	runSync(t, g)

	first, second := make(chan error, 1), make(chan error, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { first <- broker.Wait(g, ctx) })
	<-began
	// The first sync is under way: who comes now must get the next one.
	wg.Go(func() { second <- broker.Wait(g, ctx) })
	proceed <- struct{}{}
	if err := <-first; err != nil {
		t.Fatalf("first waiter: %v", err)
	}
	if n := <-began; n != 2 {
		t.Fatalf("sync number %d began, want 2", n)
	}
	select {
	case err := <-second:
		t.Fatalf("second waiter was released during its sync: %v", err)
	default:
	}
	proceed <- struct{}{}
	if err := <-second; err != nil {
		t.Fatalf("second waiter: %v", err)
	}
}

func TestManyWaitersShareFewSyncs(t *testing.T) {
	ctx := testContext(t)
	const waiters = 500
	began, proceed := make(chan struct{}, 1), make(chan struct{})
	var count atomic.Int32
	g := broker.NewGroupSync(func() error {
		if count.Add(1) == 1 {
			began <- struct{}{}
			<-proceed
		}
		return nil
	})
	runSync(t, g)

	var all errgroup.Group
	all.Go(func() error { return broker.Wait(g, ctx) })
	<-began
	var arrived atomic.Int32
	for range waiters {
		all.Go(func() error {
			arrived.Add(1)
			return broker.Wait(g, ctx)
		})
	}
	for arrived.Load() < waiters {
		if ctx.Err() != nil {
			t.Fatal("waiters did not start")
		}
		runtime.Gosched()
	}
	close(proceed)
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	// Those that had counted themselves but not yet waited may need another.
	if n := count.Load(); n > 20 {
		t.Fatalf("%d waiters took %d syncs", waiters, n)
	}
}

func TestFailedSyncIsNeverRepeated(t *testing.T) {
	ctx := testContext(t)
	lost := errors.New("page lost")
	var count atomic.Int32
	g := broker.NewGroupSync(func() error { count.Add(1); return lost })
	ended := runSync(t, g)

	for range 3 {
		if err := broker.Wait(g, ctx); !errors.Is(err, lost) {
			t.Fatalf("wait answered %v, want the failure", err)
		}
	}
	if err := <-ended; !errors.Is(err, lost) {
		t.Fatalf("run answered %v, want the failure", err)
	}
	if err := broker.CloseNow(g); !errors.Is(err, lost) {
		t.Fatalf("close answered %v, want the failure", err)
	}
	if n := count.Load(); n != 1 {
		t.Fatalf("synced %d times, want once", n)
	}
}

func TestWriteFailureDuringSyncFailsItsWaiters(t *testing.T) {
	ctx := testContext(t)
	full := errors.New("disk full")
	var g *broker.GroupSync
	g = broker.NewGroupSync(func() error { broker.Fail(g, full); return nil })
	runSync(t, g)
	if err := broker.Wait(g, ctx); !errors.Is(err, full) {
		t.Fatalf("wait answered %v, want %v", err, full)
	}
}

func TestNobodyWaitsAndNothingIsSynced(t *testing.T) {
	var count atomic.Int32
	g := broker.NewGroupSync(func() error { count.Add(1); return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- broker.Run(g, ctx) }()
	cancel()
	if err := <-done; err != nil || count.Load() != 0 {
		t.Fatalf("run answered %v after %d syncs", err, count.Load())
	}
}

func TestCloseReleasesWaitersByALastSync(t *testing.T) {
	ctx := testContext(t)
	g := broker.NewGroupSync(func() error { return nil })
	waiting := make(chan error, 1)
	go func() { waiting <- broker.Wait(g, ctx) }()
	if err := broker.CloseNow(g); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil && !errors.Is(err, broker.ErrClosed) {
		t.Fatalf("waiter: %v", err)
	}
	if err := broker.Wait(g, ctx); !errors.Is(err, broker.ErrClosed) {
		t.Fatalf("wait after close answered %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g := broker.NewGroupSync(func() error { return nil }) // nobody runs it
	if err := broker.Wait(g, ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("wait answered %v", err)
	}
}
