package ops_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sluice/internal/ops"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func TestReadyzNamesThePartThatIsNotReady(t *testing.T) {
	readiness := ops.NewReadiness()
	mux := http.NewServeMux()
	ops.Handle(mux, readiness, prometheus.NewRegistry())
	database, broker := readiness.Part("database"), readiness.Part("broker")
	steps := []struct {
		name   string
		act    func()
		status int
		body   string
	}{
		{"all_starting", func() {}, 503, `{"ready":false,"parts":{"broker":{"ready":false,"reason":"starting"},"database":{"ready":false,"reason":"starting"}}}`},
		{"one_ready", database.Ready, 503, `{"ready":false,"parts":{"broker":{"ready":false,"reason":"starting"},"database":{"ready":true}}}`},
		{"reason", func() { broker.NotReady("reading the log") }, 503, `{"ready":false,"parts":{"broker":{"ready":false,"reason":"reading the log"},"database":{"ready":true}}}`},
		{"all_ready", readiness.Part("broker").Ready, 200, `{"ready":true,"parts":{"broker":{"ready":true},"database":{"ready":true}}}`},
		{"draining", readiness.Drain, 503, `{"ready":false,"parts":{"broker":{"ready":true},"database":{"ready":true},"process":{"ready":false,"reason":"shutting down"}}}`},
	}
	for _, step := range steps {
		step.act()
		w := get(t, mux, "/readyz")
		if got := strings.TrimSpace(w.Body.String()); w.Code != step.status || got != step.body {
			t.Errorf("%s: %d %s", step.name, w.Code, got)
		}
		if w := get(t, mux, "/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
			t.Errorf("%s: healthz %d %q", step.name, w.Code, w.Body)
		}
	}
}

func TestMetricsAreServedAndProfilesAreNot(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_test_rows_total", Help: "Rows."})
	registry.MustRegister(counter)
	counter.Add(3)
	mux := http.NewServeMux()
	ops.Handle(mux, ops.NewReadiness(), registry)
	if w := get(t, mux, "/metrics"); w.Code != 200 || !strings.Contains(w.Body.String(), "sluice_test_rows_total 3") {
		t.Errorf("metrics %d %s", w.Code, w.Body)
	}
	if w := get(t, mux, "/debug/pprof/"); w.Code != 404 {
		t.Errorf("profiles %d", w.Code)
	}
}

func TestLogRecordsCarryTheIDsOfTheirContext(t *testing.T) {
	var out bytes.Buffer
	logger, err := ops.NewLogger(&out, "json", "info")
	if err != nil {
		t.Fatal(err)
	}
	ctx := ops.WithUploadID(ops.WithRequestID(t.Context(), "r1"), "u1")
	logger.DebugContext(ctx, "not this")
	logger.With("role", "apply").InfoContext(ctx, "accepted")
	var record map[string]any
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if record["msg"] != "accepted" || record["request_id"] != "r1" || record["upload_id"] != "u1" || record["role"] != "apply" {
		t.Errorf("record %v", record)
	}
	for _, bad := range [][2]string{{"xml", "info"}, {"json", "loud"}} {
		if _, err := ops.NewLogger(&out, bad[0], bad[1]); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestEveryAnswerHasARequestID(t *testing.T) {
	var seen string
	h := ops.RequestIDs(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = ops.RequestID(r.Context()) }))
	for sent, isKept := range map[string]bool{"abc-1.2:3_4": true, "": false, "a b": false, "a\"b": false, strings.Repeat("x", 129): false} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set(ops.RequestIDHeader, sent)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := w.Header().Get(ops.RequestIDHeader)
		if got == "" || got != seen || (got == sent) != isKept {
			t.Errorf("sent %q, answered %q, context %q", sent, got, seen)
		}
	}
}

// serve starts ops.Serve and returns its address, a stop and its outcome.
func serve(t *testing.T, h http.Handler, timeouts ops.Timeouts) (address string, stop context.CancelFunc, done <-chan error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	go func() { outcome <- ops.Serve(ctx, listener, h, timeouts, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(cancel)
	return listener.Addr().String(), cancel, outcome
}

func wait[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("waited in vain for %s", what)
		return *new(T)
	}
}

func TestShutdownLetsRequestsUnderWayFinish(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	address, stop, done := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-finish
		if r.Context().Err() != nil {
			t.Error("the shutdown cancelled the request")
		}
		_, _ = io.WriteString(w, "finished")
	}), ops.Timeouts{})
	body := make(chan string, 1)
	go func() {
		defer http.DefaultClient.CloseIdleConnections()
		resp, err := http.Get("http://" + address) //nolint:noctx // ends with the server
		if err != nil {
			body <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		b, _ := io.ReadAll(resp.Body)
		body <- string(b)
	}()
	wait(t, "the request", begun)
	stop()
	close(finish)
	if got := wait(t, "the answer", body); got != "finished" {
		t.Errorf("answer %q", got)
	}
	if err := wait(t, "the server", done); err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestShutdownCutsOffWhatOutlastsIt(t *testing.T) {
	begun, cut := make(chan struct{}), make(chan struct{})
	address, stop, done := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(cut)
	}), ops.Timeouts{Shutdown: 20 * time.Millisecond})
	conn := dial(t, address)
	_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	wait(t, "the request", begun)
	stop()
	if err := wait(t, "the server", done); err != nil {
		t.Errorf("serve: %v", err)
	}
	wait(t, "the cut", cut)
}

func TestServeFailsWithItsListener(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := ops.Serve(t.Context(), listener, http.NotFoundHandler(), ops.Timeouts{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error")
	}
}

func TestStalledBodyIsCutOffAndASlowAnswerIsNot(t *testing.T) {
	const stall = 50 * time.Millisecond
	outcome := make(chan error, 1)
	address, stop, done := serve(t, ops.StallTimeout(stall, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil && string(b) != "whole" {
			err = fmt.Errorf("body %q", b)
		}
		if err == nil { // as when waiting for the final response
			select {
			case <-r.Context().Done():
				err = errors.New("context ended while the answer was awaited")
			case <-time.After(4 * stall):
			}
		}
		outcome <- err
		_, _ = io.WriteString(w, "answer")
	})), ops.Timeouts{})

	conn := dial(t, address)
	_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nha")
	var timeout net.Error
	if err := wait(t, "the stalled request", outcome); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("stalled body: %v", err)
	}

	conn = dial(t, address)
	_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nwhole")
	if err := wait(t, "the whole request", outcome); err != nil {
		t.Errorf("whole body: %v", err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "200") {
		t.Errorf("answer %q, %v", line, err)
	}
	stop()
	if err := wait(t, "the server", done); err != nil {
		t.Error(err)
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
