//go:build servers

package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/clickhouse"
	"sluice/internal/testenv"
	"sluice/internal/testenv/server"
)

const (
	finishTimeout = 60 * time.Second // of an upload, a takeover by another process included
	settleTimeout = 60 * time.Second // of analytics, after everything else is quiet
)

// backend is what the processes of a test stand on.
type backend struct {
	name  string
	kafka string // brokers of a cluster; empty: the embedded broker's
	flags []string
}

func embedded(t *testing.T) backend {
	t.Helper()
	return backend{name: "embedded", flags: []string{"--data", filepath.Join(t.TempDir(), "data"), "--kafka-listen", "127.0.0.1:0"}}
}

// onServers starts a Kafka of the test's own: topics and groups have fixed names,
// and every total counts all there is on them.
func onServers(t *testing.T) backend {
	t.Helper()
	brokers := strings.Join(testenv.StartKafka(t, 1).Brokers(), ",")
	return backend{name: "servers", kafka: brokers, flags: []string{
		"--kafka", brokers, "--database", testenv.Postgres(t), "--files", "file://" + t.TempDir(), "--partitions", "4",
	}}
}

// sent is an upload and the response its caller got.
type sent struct {
	file
	id       string
	response json.RawMessage
}

// world is processes on one back end with a ClickHouse of their own, and every
// upload they answered.
type world struct {
	t          *testing.T
	b          backend
	clickhouse *server.ClickHouse
	counts     *clickhouse.Store
	uploads    []sent
}

func newWorld(t *testing.T, b backend) *world {
	t.Helper()
	w := &world{t: t, b: b, clickhouse: testenv.StartClickHouse(t)}
	var err error
	w.counts, err = clickhouse.Open(clickhouse.Options{URL: w.clickhouse.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.counts.Close() }) // its server may be gone
	return w
}

// process prepares a process with some roles; none named: all.
func (w *world) process(name string, roles ...string) *process {
	w.t.Helper()
	flags := append([]string{}, w.b.flags...)
	if len(roles) > 0 {
		flags = append(flags, "--role", strings.Join(roles, ","))
	}
	// Small steps, so that there is a middle to disturb.
	p := newProcess(w.t, name, append(flags, "--analytics", w.clickhouse.URL(), "--batch-rows", "500", "--window-rows", "2000")...)
	p.kafka = w.b.kafka
	return p
}

// send uploads a file and waits for its response.
func (w *world) send(p *process, f file) {
	w.t.Helper()
	w.answered(f, w.begin(p, f)())
}

// begin uploads a file beside the test and returns what waits for its answer.
func (w *world) begin(p *process, f file) func() *answer {
	type outcome struct {
		*answer
		err error
	}
	done := make(chan outcome, 1)
	go func() { // ends with the call, which has a time-out
		got, err := p.send(f, "Prefer", "wait=60")
		done <- outcome{got, err}
	}()
	return func() *answer {
		w.t.Helper()
		got := <-done
		if got.err != nil {
			w.t.Fatalf("sending %s: %v", f.name, got.err)
		}
		if got.status != 200 {
			w.t.Fatalf("sending %s answered %d, want 200: %.500s", f.name, got.status, got.body)
		}
		return got.answer
	}
}

// answered notes a response.
func (w *world) answered(f file, got *answer) {
	w.uploads = append(w.uploads, sent{file: f, id: got.header.Get("Bulk-Upload-Id"), response: got.payload})
}

// accept uploads a file and returns its id without waiting for its end.
func (w *world) accept(p *process, f file) (uploadID string) {
	w.t.Helper()
	got, err := p.send(f, "Prefer", "respond-async")
	if err != nil {
		w.t.Fatalf("sending %s: %v", f.name, err)
	}
	if got.status != 202 {
		w.t.Fatalf("sending %s answered %d, want 202", f.name, got.status)
	}
	return got.header.Get("Bulk-Upload-Id")
}

// middle uploads files until one is under way, which is one that
// has results of some rows and not of all, as watcher sees it. An upload that came
// to its end too soon is noted like any other.
func (w *world) middle(p, watcher *process, build func(salt int) file) (f file, uploadID string) {
	w.t.Helper()
	for range 5 {
		f = build(len(w.uploads))
		uploadID = w.accept(p, f)
		if w.isUnderWay(watcher, uploadID) {
			return f, uploadID
		}
		w.finish(watcher, f, uploadID)
	}
	w.t.Fatal("every upload came to its end before it could be disturbed")
	return f, uploadID
}

// isUnderWay waits until some rows have a result and reports whether others have none.
func (w *world) isUnderWay(p *process, uploadID string) bool {
	w.t.Helper()
	s := p.awaitState(uploadID, "under way", finishTimeout, func(s status) bool { return s.Upload.Counters.done() > 0 })
	return s.Upload.Counters.done() < s.Upload.Counters.Total
}

// finish waits for an accepted upload's response and notes it.
func (w *world) finish(p *process, f file, uploadID string) {
	w.t.Helper()
	s := p.awaitFinished(uploadID, finishTimeout)
	w.uploads = append(w.uploads, sent{file: f, id: uploadID, response: s.Response})
}

// startClickHouse starts ClickHouse again on its data.
func (w *world) startClickHouse() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), startTimeout)
	defer cancel()
	if err := w.clickhouse.Start(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (s sent) String() string { return fmt.Sprintf("%s (%s of %s)", s.id, s.name, s.company) }
