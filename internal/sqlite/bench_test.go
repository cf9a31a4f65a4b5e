package sqlite_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/sqlite"
)

var (
	benchCustomers = flag.Int("customers", 200_000, "customers in the store before BenchmarkApply")
	benchBase      = flag.String("base", "", "file with that many customers for BenchmarkApply; made if absent")
)

const (
	benchBatch     = 2000
	benchCompanies = 200
	benchDocBytes  = 210
	benchJournal   = 134 // compressed bytes per changed row
)

// bench is a store with customers and the owner of a partition of it.
type bench struct {
	store  *sqlite.Store
	random *rand.Rand
	source bulk.Source
	next   int64
	seq    int64
	worst  time.Duration
	doc    []byte
	text   []byte
}

func (g *bench) key(i int) bulk.CustomerKey {
	return bulk.CustomerKey{Company: fmt.Sprintf("CEK%07d", i%benchCompanies), Value: fmt.Sprintf("KC%014d", i*7)}
}

// batch applies one batch over the keys; a tenth of the documents changes, and
// references and names as often as in real files.
func (g *bench) batch(b *testing.B, keys []bulk.CustomerKey) {
	b.Helper()
	began := time.Now()
	err := g.store.Apply(b.Context(), &bulk.ApplyBatch{Source: g.source, From: g.next, Next: g.next + int64(len(keys)), Seq: g.seq + 1, Keys: keys},
		func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) { return g.decide(keys, v), nil })
	if err != nil {
		b.Fatal(err)
	}
	g.worst = max(g.worst, time.Since(began))
	g.next += int64(len(keys))
	g.seq++
}

func (g *bench) decide(keys []bulk.CustomerKey, v *bulk.ApplyView) *bulk.ApplyWrite {
	w := &bulk.ApplyWrite{Customers: make([]bulk.CustomerWrite, 0, len(keys))}
	docs := make([]byte, 0, len(keys)*benchDocBytes)
	for i := range keys {
		dice := g.random.Uint64()
		found := &v.Found[i]
		if found.Version > 0 && dice%20 == 0 {
			continue // unchanged
		}
		c := bulk.CustomerWrite{
			Found: i, Company: keys[i].Company, CustomerID: keys[i].Value,
			OldVersion: found.Version, Version: found.Version + 1,
			RefChanged: dice>>8%25 == 0, NameChanged: dice>>16%4 == 0,
		}
		begin := len(docs)
		if found.Version == 0 {
			c.Found, c.RefChanged, c.NameChanged = -1, true, true
			docs = append(docs, g.doc...)
		} else {
			docs = append(docs, found.Doc...)
		}
		c.Doc = docs[begin:len(docs):len(docs)]
		binary.LittleEndian.PutUint64(c.Doc[benchDocBytes/10:], dice)
		if c.RefChanged {
			c.Ref = fmt.Sprintf("REF-%016x", dice)
		}
		if c.NameChanged {
			c.Name = fmt.Sprintf("Acme Holdings %07d Ltd", dice>>24%10_000_000)
		}
		w.Customers = append(w.Customers, c)
	}
	w.Journal = g.text[:len(w.Customers)*benchJournal]
	return w
}

func newBench(b *testing.B, o sqlite.Options) *bench {
	b.Helper()
	g := &bench{
		store: open(b, o), random: rand.New(rand.NewPCG(1, 2)),
		source: bulk.Source{Cluster: "c", Topic: bulk.TopicUpdates},
		doc:    make([]byte, benchDocBytes), text: make([]byte, benchBatch*benchJournal),
	}
	for i := range g.text {
		g.text[i] = byte(g.random.Uint32())
	}
	p, ok, err := g.store.Progress(b.Context(), g.source)
	if err == nil && !ok {
		err = g.store.Restart(b.Context(), g.source, -1, 0)
	}
	if err != nil {
		b.Fatal(err)
	}
	g.next, g.seq = p.Next, p.Seq
	g.random = rand.New(rand.NewPCG(1, uint64(p.Next)))
	return g
}

// filled is a store with all customers, a copy of the base file if one is named.
func filled(b *testing.B) *bench {
	b.Helper()
	o := options(b)
	if *benchBase == "" {
		g := newBench(b, o)
		g.create(b, 0, *benchCustomers)
		return g
	}
	if _, err := os.Stat(*benchBase); err != nil {
		base := o
		base.Path = *benchBase
		g := newBench(b, base)
		g.create(b, 0, *benchCustomers)
		if err := g.store.Close(); err != nil {
			b.Fatal(err)
		}
	}
	from, err := os.Open(*benchBase)
	if err != nil {
		b.Fatal(err)
	}
	to, err := os.Create(o.Path)
	if err == nil {
		_, err = io.Copy(to, from)
	}
	if err := errors.Join(err, to.Sync(), to.Close(), from.Close()); err != nil {
		b.Fatal(err)
	}
	return newBench(b, o)
}

// create puts the customers [from, to) into the store.
func (g *bench) create(b *testing.B, from, to int) {
	b.Helper()
	for at := from; at < to; at += benchBatch {
		var keys []bulk.CustomerKey
		for i := at; i < min(at+benchBatch, to); i++ {
			keys = append(keys, g.key(i))
		}
		g.batch(b, keys)
	}
}

// report gives the figures per row since began.
func (g *bench) report(b *testing.B, rows int, cpu float64) {
	b.Helper()
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric((cpuSeconds(b)-cpu)/float64(rows)*1e6, "cpu-µs/row")
	b.ReportMetric(float64(g.worst.Milliseconds()), "worst-ms")
	b.ReportMetric(0, "ns/op")
}

func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkApply is the bare store loop: 2,000-row batches of updates over
// customers all over the file, durable, with both indexes.
func BenchmarkApply(b *testing.B) {
	g := filled(b)
	g.worst = 0
	cpu, rows := cpuSeconds(b), 0
	for b.Loop() {
		seen := make(map[int]bool, benchBatch)
		keys := make([]bulk.CustomerKey, 0, benchBatch)
		for len(keys) < benchBatch {
			if i := g.random.IntN(*benchCustomers); !seen[i] {
				seen[i] = true
				keys = append(keys, g.key(i))
			}
		}
		g.batch(b, keys)
		rows += benchBatch
	}
	g.report(b, rows, cpu)
}

// BenchmarkCreate makes new customers in 2,000-row batches.
func BenchmarkCreate(b *testing.B) {
	g := newBench(b, options(b))
	cpu, rows := cpuSeconds(b), 0
	for b.Loop() {
		g.create(b, rows, rows+benchBatch)
		rows += benchBatch
	}
	g.report(b, rows, cpu)
}
