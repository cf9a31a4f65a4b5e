// Package ops is what operators of a process meet: health and readiness, the
// metrics page, logs, and an HTTP server that drains. It knows no role and no
// store; they report to it by name.
package ops

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"
)

// Readiness says whether the process can do its work, and if not, which part of
// it is in the way. It is safe for concurrent use.
type Readiness struct {
	mu       sync.Mutex
	parts    map[string]*Part
	draining bool
}

// NewReadiness returns a Readiness without parts, which is ready.
func NewReadiness() *Readiness {
	return &Readiness{parts: map[string]*Part{}}
}

// Part is one named thing that must be ready: "database", "broker", "apply".
type Part struct {
	readiness *Readiness
	ready     bool
	reason    string
}

// Part adds the named part, not ready ("starting") until it says otherwise, or
// returns the one that was added before.
func (r *Readiness) Part(name string) *Part {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.parts[name]
	if !ok {
		p = &Part{readiness: r, reason: "starting"}
		r.parts[name] = p
	}
	return p
}

// Ready marks the part ready.
func (p *Part) Ready() { p.set(true, "") }

// NotReady marks the part not ready. The reason is shown to whoever asks: a
// constant phrase such as "reading the log", never an error's text.
func (p *Part) NotReady(reason string) { p.set(false, reason) }

func (p *Part) set(ready bool, reason string) {
	p.readiness.mu.Lock()
	defer p.readiness.mu.Unlock()
	p.ready, p.reason = ready, reason
}

// Drain makes the process not ready for good: the first step of a shutdown, so
// that balancers send no more work.
func (r *Readiness) Drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

// Status returns whether all parts are ready, and the reason of each that is
// not.
func (r *Readiness) Status() (ready bool, reasons map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reasons = map[string]string{}
	if r.draining {
		reasons["process"] = "shutting down"
	}
	for name, p := range r.parts {
		if !p.ready {
			reasons[name] = p.reason
		}
	}
	return len(reasons) == 0, reasons
}

// readyReport is the body of /readyz.
type readyReport struct {
	Ready bool                  `json:"ready"`
	Parts map[string]partReport `json:"parts"`
}

type partReport struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// ServeHTTP answers /readyz: 200 when everything is ready, else 503, and in both
// cases a JSON object with each part and why it is not ready.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	ready, reasons := r.Status()
	report := readyReport{Ready: ready, Parts: map[string]partReport{}}
	r.mu.Lock()
	for name := range maps.Keys(r.parts) {
		report.Parts[name] = partReport{Ready: true}
	}
	r.mu.Unlock()
	for name, reason := range reasons {
		report.Parts[name] = partReport{Reason: reason}
	}
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(report) // the prober went away
}
