//go:build servers

package interop_test

import (
	"testing"
	"time"
)

const (
	companyA  = "CEKINTEROA"
	companyB  = "CEKINTEROB"
	customers = 1_500
	large     = 8_000 // rows that take a while
)

func TestOutsidersAgreeOnEmbeddedParts(t *testing.T) {
	w := newWorld(t, embedded(t))
	p := w.process("sluice")
	p.Start()
	w.agreeThroughTrouble(p, p)
}

// Two processes share all roles, so that each fault makes partitions and jobs
// change hands.
func TestOutsidersAgreeOnServers(t *testing.T) {
	w := newWorld(t, onServers(t))
	p, q := w.process("p"), w.process("q")
	p.Start()
	q.Start()
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
	f := updates(w.t, companyA, customers, large, 4)
	id := w.accept(q, f)
	w.awaitMiddle(p, id)
	w.redeliver(p)
	w.finish(p, f, id)
	w.send(q, updates(w.t, companyB, 100, 200, 5)) // behind the copies
}

// kill ends p in the middle of an upload, and lets it come back in the middle of
// the next.
func (w *world) kill(p, q *process) {
	w.t.Helper()
	f, g := updates(w.t, companyA, customers, large, 6), byReference(w.t, companyA, customers, large, 7)
	id := w.accept(p, f)
	w.awaitMiddle(p, id)
	p.Kill()
	if p == q {
		p.Start()
	}
	w.finish(q, f, id)
	id = w.accept(q, g)
	if p != q {
		w.awaitMiddle(q, id)
		p.Start()
	}
	w.finish(q, g, id)
}

// clickHouseAway ends ClickHouse in the middle of an upload.
func (w *world) clickHouseAway(p, q *process) {
	w.t.Helper()
	f := updates(w.t, companyA, customers, large, 8)
	id := w.accept(p, f)
	w.awaitMiddle(q, id)
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
	f := byReference(w.t, companyA, customers, large, 10)
	id := w.accept(p, f)
	w.awaitMiddle(p, id)
	p.Stop()
	if p != q {
		q.Stop()
		q.Start()
	}
	p.Start()
	w.finish(p, f, id)
}
