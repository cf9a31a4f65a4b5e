//go:build servers

package interop_test

import (
	"errors"
	"testing"
	"time"
)

var errNoneRunning = errors.New("no upload is under way")

func TestI1RolesApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, onServers(t))
	producer, second := w.process("producer", "producer"), w.process("second producer", "producer")
	apply, nextApply := w.process("apply", "apply"), w.process("next apply", "apply")
	aggregate, nextAggregate := w.process("aggregate", "aggregate"), w.process("next aggregate", "aggregate")
	analytics := w.process("analytics", "analytics")
	w.startAll(producer, second, apply, aggregate, analytics)

	w.send(producer, creates(t, companyA, customers))
	w.send(second, creates(t, companyB, 100))
	w.agree(second)
	w.answersComeByTheLog(producer)

	// A takeover of everything behind the producer, in the middle of an upload.
	f := updates(t, companyA, customers, 20_000, 1)
	answer := w.begin(producer, f)
	id := w.onlyRunning(second)
	if !w.isUnderWay(second, id) {
		t.Fatal("the upload came to its end before it could be disturbed")
	}
	apply.Kill()
	aggregate.Kill()
	w.startAll(nextApply, nextAggregate)
	began := time.Now()
	w.answered(f, answer())
	t.Logf("answered %v after the next processes were ready", time.Since(began).Round(time.Millisecond))
	w.send(second, byReference(t, companyA, customers, 500, 2))
	w.agree(second)
}

// startAll starts processes side by side.
func (w *world) startAll(processes ...*process) {
	w.t.Helper()
	var ready []func()
	for _, p := range processes {
		ready = append(ready, p.Launch())
	}
	for _, wait := range ready {
		wait()
	}
}

// onlyRunning returns the upload that has no response yet, as soon as there is one.
func (w *world) onlyRunning(p *process) (id string) {
	w.t.Helper()
	eventually(w.t, finishTimeout, 5*time.Millisecond, func() error {
		var page struct {
			Uploads []struct {
				UploadID string `json:"uploadId"`
				State    string
			}
		}
		p.read("/api/v0/customer/bulk/uploads?limit=1", &page)
		if len(page.Uploads) == 0 || page.Uploads[0].State == "finished" {
			return errNoneRunning
		}
		id = page.Uploads[0].UploadID
		return nil
	})
	return id
}

// answersComeByTheLog wants callers to be answered when the response appears on
// bulk.responses. The database, which is asked every 500 ms as a fall-back, would
// take half of that on average. A busy machine may delay some.
func (w *world) answersComeByTheLog(p *process) {
	w.t.Helper()
	var after []time.Duration
	for i := range 20 {
		w.send(p, updates(w.t, companyA, 100, 10, 100+i))
		answered := time.Now()
		var s struct {
			Upload struct{ FinishedAt time.Time }
		}
		p.read("/api/v0/customer/bulk/uploads/"+w.uploads[len(w.uploads)-1].id, &s)
		after = append(after, answered.Sub(s.Upload.FinishedAt))
	}
	w.t.Logf("answered after the response was made: p50 %v, p75 %v, p100 %v", quantile(after, 0.5), quantile(after, 0.75), quantile(after, 1))
	if late := quantile(after, 0.75); late > 200*time.Millisecond {
		w.t.Errorf("a quarter of the answers come %v or more after the response was made, want less than 200ms", late)
	}
}
