//go:build servers

package interop_test

import (
	"testing"
	"time"
)

const (
	companyA  = "CEKINTEROA"
	companyB  = "CEKINTEROB"
	customers = 1_000
	large     = 6_000 // rows that take a while
)

func TestI2I7OutsidersAgreeOnEmbeddedParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, embedded(t))
	p := w.process("sluice")
	p.Start()
	w.agreeThroughTrouble(p, p)
}

// Two processes share all roles, so that each fault makes partitions and jobs
// change hands.
func TestI2I7OutsidersAgreeOnServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, onServers(t))
	p, q := w.process("p"), w.process("q")
	p.Start()
	q.Start()
	w.send(p, creates(t, companyA, customers))
	w.answersComeByTheLog(p)
	w.agreeThroughTrouble(p, q)
}

// agreeThroughTrouble brings one trouble after the other upon p and compares what
// outsiders see after each; q is another process beside p, or p itself.
func (w *world) agreeThroughTrouble(p, q *process) {
	quickly := func(p *process) { w.agreeQuickly(p) }
	for _, step := range []struct {
		name    string
		trouble func(p, q *process)
		agree   func(*process)
	}{
		{"clean", w.clean, quickly},
		{"redelivery_in_the_middle", w.redelivery, w.agree},
		{"kill_in_the_middle", w.kill, w.agree},
		{"clickhouse_away_and_back", w.clickHouseAway, quickly},
		{"restart", w.restart, w.agree},
	} {
		began := time.Now()
		step.trouble(p, q)
		w.t.Logf("%s took %v", step.name, time.Since(began).Round(time.Millisecond))
		if step.agree(q); w.t.Failed() {
			return
		}
	}
}

// clean sends two companies that hold the same customerIds, rows of every outcome,
// and customers named both ways.
func (w *world) clean(p, q *process) {
	w.t.Helper()
	w.send(p, creates(w.t, companyA, customers))
	w.send(q, creates(w.t, companyB, 100))
	w.send(p, updates(w.t, companyA, customers, 3_000, 1))
	w.send(q, updates(w.t, companyB, 50, 200, 2))
	w.send(p, byReference(w.t, companyA, customers, 500, 3))
}

// redelivery repeats every record while an upload is under way.
func (w *world) redelivery(p, q *process) {
	w.t.Helper()
	f, id := w.middle(q, p, w.largeUpdates)
	w.redeliver(p)
	w.finish(p, f, id)
	w.send(q, updates(w.t, companyB, 100, 200, 5)) // behind the copies
}

// kill ends p in the middle of an upload, and lets it come back in the middle of
// the next.
func (w *world) kill(p, q *process) {
	w.t.Helper()
	f, id := w.middle(p, p, w.largeUpdates)
	p.Kill()
	if p == q {
		p.Start()
		w.finish(p, f, id)
		return
	}
	w.finish(q, f, id)
	f, id = w.middle(q, q, w.largeByReference)
	p.Start()
	w.finish(q, f, id)
}

// clickHouseAway ends ClickHouse in the middle of an upload.
func (w *world) clickHouseAway(p, q *process) {
	w.t.Helper()
	f, id := w.middle(p, q, w.largeUpdates)
	if err := w.clickhouse.Kill(); err != nil {
		w.t.Fatal(err)
	}
	w.finish(q, f, id)
	w.send(q, updates(w.t, companyB, 100, 300, 9))
	w.startClickHouse()
}

// restart stops everything while an upload is under way.
func (w *world) restart(p, q *process) {
	w.t.Helper()
	f, id := w.middle(p, p, w.largeByReference)
	p.Stop()
	if p != q {
		q.Stop()
		q.Start()
	}
	p.Start()
	w.finish(p, f, id)
}

func (w *world) largeUpdates(salt int) file {
	return updates(w.t, companyA, customers, large, salt)
}

func (w *world) largeByReference(salt int) file {
	return byReference(w.t, companyA, customers, large, salt)
}
