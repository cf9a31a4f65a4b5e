package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// report gathers what was measured.
type report struct {
	rows, customers int
	lines           []line
	targets         []target
}

// line is one measured pass over rows.
type line struct {
	name                       string
	rows                       int
	took                       time.Duration
	cpu, kafkaCPU, postgresCPU time.Duration
	peakRSS                    int64 // of the process so far, pages mapped from files included
	anonymous                  int64 // without them, in this pass
	batches                    float64
	fileBytes                  int64
	written                    int64
}

func (l *line) rate() float64 { return float64(l.rows) / l.took.Seconds() }

// perBatch is the rows of one of apply's transactions.
func (l *line) perBatch() float64 {
	if l.batches == 0 {
		return 0
	}
	return float64(l.rows) / l.batches
}

func perRow(d time.Duration, rows int) float64 { return float64(d.Microseconds()) / float64(rows) }

func (r *report) add(l line) { r.lines = append(r.lines, l) }

// target is a figure beside what it is to be. Values are compared by better.
type target struct {
	name        string
	value       string
	first, goal string
	isFirst     bool // the first column is met
	isGoal      bool
}

// atLeast and atMost note a figure; a bound of 0 is none.
func (r *report) atLeast(name string, value, first, goal float64, format string) {
	r.targets = append(r.targets, target{name, fmt.Sprintf(format, value), bound("≥ ", format, first), bound("≥ ", format, goal), value >= first, value >= goal})
}

func (r *report) atMost(name string, value, first, goal float64, format string) {
	r.targets = append(r.targets, target{
		name, fmt.Sprintf(format, value), bound("≤ ", format, first), bound("≤ ", format, goal),
		first == 0 || value <= first, goal == 0 || value <= goal,
	})
}

func bound(sign, format string, value float64) string {
	if value == 0 {
		return "–"
	}
	return sign + fmt.Sprintf(format, value)
}

// path notes the whole path's figures beside their targets.
func (r *report) path(l line, onServers bool) {
	last := &r.lines[len(r.lines)-1]
	last.peakRSS = l.peakRSS
	if onServers {
		r.atLeast(l.name+", rows/s", l.rate(), 15_000, 35_000, "%.0f")
		r.atMost(l.name+", resident MB at most", float64(l.peakRSS)/1e6, 250, 150, "%.0f")
		return
	}
	r.atLeast(l.name+", rows/s", l.rate(), 25_000, 60_000, "%.0f")
	r.atMost(l.name+", CPU µs/row", perRow(l.cpu, l.rows), 60, 28, "%.1f")
	r.atMost(l.name+", resident MB at most", float64(l.peakRSS)/1e6, 250, 150, "%.0f")
}

// ratio compares the whole path with the bare store loop.
func (r *report) ratio(name string, path, floor line, first, goal float64) {
	r.atLeast(name+", rows/s beside the bare store loop", path.rate()/floor.rate(), first, goal, "%.2f")
}

// durations of uploads.
type durations []time.Duration

func (d durations) at(share float64) float64 {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	i := min(int(share*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

func (r *report) latency(name string, took durations, onServers bool) {
	p50, p99 := took.at(0.50), took.at(0.99)
	t := target{
		name: name, value: fmt.Sprintf("%.0f / %.0f ms", p50, p99), first: "≤ 60 / 250 ms", goal: "≤ 15 / 60 ms",
		isFirst: p50 <= 60 && p99 <= 250, isGoal: p50 <= 15 && p99 <= 60,
	}
	if onServers {
		t.first, t.goal, t.isFirst, t.isGoal = "–", "–", true, true
	}
	r.targets = append(r.targets, t)
}

func (r *report) beside(name string, took durations) {
	r.atMost(name, took.at(1)/1000, 2, 0.5, "%.2f s")
}

// missed names the targets of the first column that were not met.
func (r *report) missed() (names []string) {
	for _, t := range r.targets {
		if !t.isFirst {
			names = append(names, t.name+": "+t.value)
		}
	}
	return names
}

// print writes the table.
func (r *report) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows, %d customers; %s\n\n", r.rows, r.customers, machine())
	b.WriteString("| measured | rows/s | CPU µs/row | of it Kafka | PostgreSQL | peak RSS MB | without mapped files | rows/transaction | file B/row | written B/row |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := range r.lines {
		l := &r.lines[i]
		all := l.cpu + l.kafkaCPU + l.postgresCPU
		fmt.Fprintf(&b, "| %s | %.0f | %.1f | %s | %s | %s | %s | %s | %s | %s |\n", l.name, l.rate(), perRow(all, l.rows),
			optional("%.1f", perRow(l.kafkaCPU, l.rows)), optional("%.1f", perRow(l.postgresCPU, l.rows)), optional("%.0f", float64(l.peakRSS)/1e6), optional("%.0f", float64(l.anonymous)/1e6),
			optional("%.0f", l.perBatch()),
			optional("%.0f", float64(l.fileBytes)/float64(l.rows)), optional("%.0f", float64(l.written)/float64(l.rows)))
	}
	b.WriteString("\n| target | measured | first | | goal | |\n|---|--:|--:|---|--:|---|\n")
	for _, t := range r.targets {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", t.name, t.value, t.first, met(t.first, t.isFirst), t.goal, met(t.goal, t.isGoal))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func met(bound string, isMet bool) string {
	switch {
	case bound == "–":
		return ""
	case isMet:
		return "met"
	}
	return "missed"
}

func optional(format string, v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

// machine says where this was measured.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.Trim(name, " \t:\n")
				break
			}
		}
	}
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = ", commit " + s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s%s", runtime.NumCPU(), model, runtime.Version(), commit)
}
