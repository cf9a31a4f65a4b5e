package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// plainEvery is the least time between two plain progress lines.
const plainEvery = 2 * time.Second

// progress shows how far something has come: a bar on a terminal, now and then a
// line elsewhere. It is safe for concurrent use.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	label string
	unit  string
	total int64

	bar      *progressbar.ProgressBar // nil when plain
	done     int64
	shownAt  time.Time
	finished bool
}

// newProgress begins a progress of total units; the unit "B" is written in KB
// and MB.
func newProgress(out io.Writer, label, unit string, total int64) *progress {
	p := &progress{out: out, label: label, unit: unit, total: total, shownAt: time.Now()}
	if isTerminal(out) {
		options := []progressbar.Option{
			progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(label), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
		}
		if unit == "B" {
			options = append(options, progressbar.OptionShowBytes(true))
		} else {
			options = append(options, progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit+"s"))
		}
		p.bar = progressbar.NewOptions64(max(total, 1), options...)
	}
	return p
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// set moves the progress to done units; it may go back for another attempt.
func (p *progress) set(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = min(done, p.total)
	if p.finished {
		return
	}
	if p.bar != nil {
		_ = p.bar.Set64(p.done) // a terminal that is gone is no reason to stop
		return
	}
	if time.Since(p.shownAt) >= plainEvery && p.done < p.total {
		p.shownAt = time.Now()
		p.line()
	}
}

// finish ends it, with a line that stays.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	p.line()
}

// stop ends it where it is; nothing to do after finish.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *progress) end() {
	if p.bar != nil && !p.finished {
		_ = p.bar.Clear()
	}
	p.finished = true
}

func (p *progress) line() {
	percent := int64(100)
	if p.total > 0 {
		percent = p.done * 100 / p.total
	}
	_, _ = fmt.Fprintf(p.out, "%s: %s of %s (%d%%)\n", p.label, p.amount(p.done), p.amount(p.total), percent)
}

func (p *progress) amount(n int64) string {
	if p.unit != "B" {
		return count(n, p.unit)
	}
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%d MB", n/1_000_000)
	case n >= 10_000:
		return fmt.Sprintf("%d KB", n/1_000)
	default:
		return fmt.Sprintf("%d B", n)
	}
}
