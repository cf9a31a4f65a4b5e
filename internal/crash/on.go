//go:build crash

package crash

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Enabled tells whether this binary can crash itself.
const Enabled = true

// Before is reached when a step is about to begin.
func Before(s Step) { Point(beforeName(s)) }

// After is reached when a step's effect is durable.
func After(s Step) { Point(afterName(s)) }

// Point is a place that is not at the edge of a step. Safe for concurrent use:
// no goroutine gets past a point while another dies at one.
func Point(name string) { plan().reach(name) }

// plan is read from the environment at the first point. A misspelt one kills
// nothing and says so on stderr at once.
var plan = sync.OnceValue(func() *planned {
	p, err := parsePlan(os.Getenv("SLUICE_CRASH_AT"))
	if err := errors.Join(err, p.openLog(os.Getenv("SLUICE_CRASH_LOG"))); err != nil {
		fmt.Fprintln(os.Stderr, "crash points:", err)
	}
	return p
})

// planned is where to die, and what was reached so far.
type planned struct {
	mu      sync.Mutex
	name    string // of the point; empty counts every point
	at      int    // die at the at-th; 0 is never
	reached int
	log     *os.File
}

func parsePlan(text string) (*planned, error) {
	if text == "" {
		return new(planned), nil
	}
	name, count := "", text
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		name, count = text[:i], text[i+1:]
	}
	at, err := strconv.Atoi(count)
	if err != nil || at < 1 {
		return new(planned), fmt.Errorf("SLUICE_CRASH_AT=%q is neither k nor name:k", text)
	}
	return &planned{name: name, at: at}, nil
}

func (p *planned) openLog(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // a test's own file
	if err != nil {
		return fmt.Errorf("open SLUICE_CRASH_LOG: %w", err)
	}
	p.log = f
	return nil
}

func (p *planned) reach(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log != nil {
		if _, err := p.log.WriteString(name + "\n"); err != nil {
			fmt.Fprintln(os.Stderr, "crash points: write log:", err)
		}
	}
	if p.name != "" && p.name != name {
		return
	}
	if p.reached++; p.reached != p.at {
		return
	}
	kill()
}

// kill ends the process as a power cut would: no deferred call, no signal
// handler. It does not return.
func kill() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		fmt.Fprintln(os.Stderr, "crash points: kill:", err)
	}
	select {} // the signal is delivered before anything else happens here
}
