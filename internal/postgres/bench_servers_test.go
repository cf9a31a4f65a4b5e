//go:build servers

package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/postgres"
)

var (
	benchCustomers = flag.Int("customers", 100_000, "customers in the store before BenchmarkApply")
	benchOwners    = flag.Int("owners", 4, "partitions applied at the same time in BenchmarkApply")
)

const (
	benchBatch     = 2000
	benchCompanies = 200
	benchJournal   = 134 // compressed bytes per changed row
)

// benchOwner is the owner of one partition: of every benchOwners-th customer.
type benchOwner struct {
	store  *postgres.Store
	codec  *event.Codec
	random *rand.Rand
	source bulk.Source
	next   int64
	worst  time.Duration
	text   []byte
}

func newBenchOwner(b *testing.B, s *postgres.Store, codec *event.Codec, partition int) *benchOwner {
	b.Helper()
	o := &benchOwner{
		store: s, codec: codec, random: rand.New(rand.NewPCG(1, uint64(partition))),
		source: bulk.Source{Cluster: "c", Topic: bulk.TopicUpdates, Partition: int32(partition)},
		text:   make([]byte, benchBatch*benchJournal),
	}
	for i := range o.text {
		o.text[i] = byte(o.random.Uint32())
	}
	if err := s.Restart(b.Context(), o.source, -1, 0); err != nil {
		b.Fatal(err)
	}
	return o
}

func benchKey(i int) bulk.CustomerKey {
	return bulk.CustomerKey{Company: fmt.Sprintf("CEK%07d", i%benchCompanies), Value: fmt.Sprintf("KC%014d", i*7)}
}

// set gives the fields of an ordinary customer new values; those that have
// indexes only if asked.
func (o *benchOwner) set(c *customer.Customer, withRef, withName bool) {
	n := o.random.Uint64()
	text := func(f customer.Field, format string, modulus uint64) {
		c.Values[f] = customer.Value{Set: true, Text: fmt.Sprintf(format, n%modulus)}
	}
	if withRef {
		text(customer.UniqueRefNo, "REF-%d", 1<<63)
	}
	if withName {
		text(customer.LegalName, "Asha Traders %d Private Limited", 10_000_000)
	}
	text(customer.AccountNumber, "19143100%08d", 100_000_000)
	text(customer.ContactNumber, "+919%09d", 1_000_000_000)
	text(customer.PinCode, "5%05d", 100_000)
	text(customer.Address, "%d, MG Road, Bengaluru", 5000)
	if c.Version == 0 {
		text(customer.IFSC, "HDFC0%06d", 10_000)
		text(customer.PanOrGstin, "27AAPFU%04dF1ZV", 10_000)
		c.Values[customer.State] = customer.Value{Set: true, Text: "Karnataka"}
		c.Values[customer.AssignedAgent] = customer.Value{Set: true, Text: "R. Iyer"}
		c.Values[customer.BranchCodes] = customer.Value{Set: true, List: []string{"BLR01", "BLR02"}}
	}
}

// batch applies one batch over the customers.
func (o *benchOwner) batch(b *testing.B, customers []int) error {
	b.Helper()
	keys := make([]bulk.CustomerKey, len(customers))
	for i, n := range customers {
		keys[i] = benchKey(n)
	}
	began := time.Now()
	err := o.store.Apply(b.Context(), &bulk.ApplyBatch{Source: o.source, From: o.next, Next: o.next + 1, Seq: o.next + 1, Keys: keys},
		func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) { return o.decide(keys, v) })
	o.worst = max(o.worst, time.Since(began))
	o.next++
	return err
}

// decide changes nineteen of twenty customers; of those references and names as
// often as in real files.
func (o *benchOwner) decide(keys []bulk.CustomerKey, v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
	w := &bulk.ApplyWrite{Customers: make([]bulk.CustomerWrite, 0, len(keys))}
	docs := make([]byte, 0, len(keys)*300)
	for i := range keys {
		dice := o.random.Uint64()
		found := &v.Found[i]
		if found.Version > 0 && dice%20 == 0 {
			continue
		}
		one := customer.Customer{CustomerID: keys[i].Value}
		c := bulk.CustomerWrite{
			Found: i, Company: keys[i].Company, CustomerID: keys[i].Value,
			OldVersion: found.Version, Version: found.Version + 1,
			RefChanged: found.Version == 0 || dice>>8%25 == 0, NameChanged: found.Version == 0 || dice>>16%4 == 0,
		}
		if found.Version == 0 {
			c.Found = -1
		} else if err := o.codec.DecodeCustomer(found.Doc, &one); err != nil {
			return nil, err
		}
		o.set(&one, c.RefChanged, c.NameChanged)
		one.Version, one.UpdatedAt = c.Version, time.Now()
		c.Ref, c.Name = one.Values[customer.UniqueRefNo].Text, one.Values[customer.LegalName].Text
		begin := len(docs)
		docs = o.codec.AppendCustomer(docs, &one)
		c.Doc = docs[begin:len(docs):len(docs)]
		w.Customers = append(w.Customers, c)
	}
	w.Journal = o.text[:len(w.Customers)*benchJournal]
	return w, nil
}

// pick returns a batch of customers of the owner.
func (o *benchOwner) pick(partition, owners, customers int) []int {
	seen := make(map[int]bool, benchBatch)
	for len(seen) < benchBatch {
		seen[o.random.IntN(customers/owners)*owners+partition] = true
	}
	picked := make([]int, 0, benchBatch)
	for n := range seen {
		picked = append(picked, n)
	}
	slices.Sort(picked)
	return picked
}

// BenchmarkApply is the bare store loop: batches of updates over customers all
// over the table, durable if the server is, with both indexes. One iteration is
// one batch of each owner.
func BenchmarkApply(b *testing.B) {
	o := options(b)
	codec := event.NewCodec(event.DefaultIDs())
	o.Codec = codec
	s := open(b, o)
	owners := make([]*benchOwner, *benchOwners)
	for i := range owners {
		owners[i] = newBenchOwner(b, s, codec, i)
	}
	inParallel(b, owners, func(p int, o *benchOwner) error {
		for at := p; at < *benchCustomers; at += benchBatch * len(owners) {
			var created []int
			for n := at; n < min(at+benchBatch*len(owners), *benchCustomers); n += len(owners) {
				created = append(created, n)
			}
			if err := o.batch(b, created); err != nil {
				return err
			}
		}
		o.worst = 0
		return nil
	})
	execute(b, o.URL, "VACUUM ANALYZE")
	execute(b, o.URL, "CHECKPOINT")

	server := postmaster(b, o.URL)
	before, serverBefore := ownCPU(b), treeCPU(b, server)
	b.ResetTimer()
	inParallel(b, owners, func(p int, o *benchOwner) error {
		for range b.N {
			if err := o.batch(b, o.pick(p, len(owners), *benchCustomers)); err != nil {
				return err
			}
		}
		return nil
	})
	b.StopTimer()
	rows := float64(b.N * benchBatch * len(owners))
	client, serverCPU := ownCPU(b)-before, treeCPU(b, server)-serverBefore
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(client/rows*1e6, "client-µs/row")
	b.ReportMetric(serverCPU/rows*1e6, "server-µs/row")
	worst := time.Duration(0)
	for _, o := range owners {
		worst = max(worst, o.worst)
	}
	b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
	b.ReportMetric(0, "ns/op")
}

func inParallel(b *testing.B, owners []*benchOwner, fn func(p int, o *benchOwner) error) {
	b.Helper()
	var wg sync.WaitGroup
	for p, o := range owners {
		wg.Go(func() {
			if err := fn(p, o); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func execute(t testing.TB, url, text string, args ...any) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}

// postmaster is the process id of the server, which must be on this machine.
func postmaster(b *testing.B, url string) int {
	b.Helper()
	return int(stat(b, int(connect(b, url).PgConn().PID()))[1])
}

// stat returns the numbers of /proc/pid/stat from the state (0) on.
func stat(b *testing.B, pid int) []float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return make([]float64, 20) // it has ended
	}
	var numbers []float64
	for _, field := range strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) {
		n, _ := strconv.ParseFloat(field, 64)
		numbers = append(numbers, n)
	}
	return numbers
}

// treeCPU is what a server and its processes, also those that ended, have used,
// in seconds.
func treeCPU(b *testing.B, pid int) float64 {
	b.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		b.Fatal(err)
	}
	const hertz = 100
	own := stat(b, pid)
	ticks := own[11] + own[12] + own[13] + own[14]
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s := stat(b, child); int(s[1]) == pid {
			ticks += s[11] + s[12]
		}
	}
	return ticks / hertz
}

func ownCPU(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
