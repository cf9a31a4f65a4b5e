package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
)

const (
	startTimeout = 60 * time.Second // of a server on a busy machine
	stopTimeout  = 40 * time.Second // above the server's own time to drain
)

// server is a `sluice serve` of the test's own.
type server struct {
	t     *testing.T
	b     backend
	dir   string // holds data/, also when only the files are there
	flags []string
	wrap  []string // a command that runs the server's; empty: none

	URL   string // http://host:port
	Kafka string // brokers
	*client

	cmd    *exec.Cmd
	exited chan error // receives the process's end once
	log    *logBuffer
	codecs map[uint32]*goavro.Codec // by schema id, as the registry gave them
	// toleratesErrors is set by tests that make the server log errors.
	toleratesErrors bool
}

// start runs a server until the test ends; flags come on top of the back end's.
func start(t *testing.T, b backend, flags ...string) *server {
	t.Helper()
	return startWrapped(t, b, nil, flags...)
}

// startWrapped runs a server by way of another command, which becomes the server.
func startWrapped(t *testing.T, b backend, wrap []string, flags ...string) *server {
	t.Helper()
	s := &server{t: t, b: b, dir: t.TempDir(), wrap: wrap, log: &logBuffer{}, codecs: map[uint32]*goavro.Codec{}}
	s.flags = append(b.flags(t, s.dir), flags...)
	t.Cleanup(s.cleanUp)
	s.Start()
	return s
}

// Start runs the process and waits for its first line.
func (s *server) Start() {
	s.t.Helper()
	args := slices.Concat(s.wrap, []string{suite.binary, "serve", "--http", "127.0.0.1:0"}, s.flags)
	s.cmd = exec.Command(args[0], args[1:]...) //nolint:noctx // ended by Stop, Kill or cleanUp
	s.cmd.Stderr = s.log
	s.cmd.SysProcAttr = dieWithParent()
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	first := make(chan []byte, 1)
	exited := make(chan error, 1)
	s.exited = exited
	go func(cmd *exec.Cmd) { // ends with the process, which cleanUp ends
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadBytes('\n') // an empty line says it all
		first <- line
		_, _ = io.Copy(io.Discard, lines) // nothing else is printed
		exited <- cmd.Wait()
	}(s.cmd)
	select {
	case line := <-first:
		s.announced(line)
	case <-time.After(startTimeout):
		s.t.Fatal("the server did not get ready")
	}
}

// announced reads the first line on stdout.
func (s *server) announced(line []byte) {
	s.t.Helper()
	var addresses struct{ HTTP, Kafka string }
	if err := json.Unmarshal(line, &addresses); err != nil || addresses.HTTP == "" {
		s.t.Fatalf("the first line on stdout is %q, want a JSON object with the addresses (%v)", line, err)
	}
	s.URL, s.Kafka = "http://"+addresses.HTTP, addresses.Kafka
	if s.b.kafka != "" {
		s.Kafka = s.b.kafka
	}
	s.client = newClient(s.t, s.URL)
}

// Stop asks the process to end and wants exit code 0.
func (s *server) Stop() {
	s.t.Helper()
	if err := s.signal(syscall.SIGTERM); err != nil {
		s.t.Errorf("SIGTERM: the server ended with %v, want exit code 0", err)
	}
}

// Kill ends the process as a power cut would.
func (s *server) Kill() {
	s.t.Helper()
	var exit *exec.ExitError
	if err := s.signal(syscall.SIGKILL); err != nil && !errors.As(err, &exit) {
		s.t.Error(err)
	}
}

// signal sends a signal and waits for the process's end.
func (s *server) signal(sig syscall.Signal) error {
	s.t.Helper()
	cmd := s.cmd
	s.cmd = nil
	s.close()
	if err := cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case err := <-s.exited:
		return err
	case <-time.After(stopTimeout):
		err := errors.Join(cmd.Process.Kill(), <-s.exited)
		s.t.Fatalf("the server did not end %s after %v (%v)", stopTimeout, sig, err)
		return nil
	}
}

// Restart stops the process, if it runs, and starts it on the same data.
func (s *server) Restart() {
	s.t.Helper()
	if s.cmd != nil {
		s.Stop()
	}
	s.Start()
}

// cleanUp ends the process and shows its log if the test failed.
func (s *server) cleanUp() {
	if s.cmd != nil {
		s.Stop()
	}
	if text := s.log.String(); !s.toleratesErrors && strings.Contains(text, "level=ERROR") {
		s.t.Error("the server logged errors")
	}
	if s.t.Failed() {
		s.t.Logf("log of the server:\n%s", s.log)
	}
}

// files is the folder of spool and result files.
func (s *server) files() string { return filepath.Join(s.dir, "data", "files") }

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// command runs the binary to its end.
func command(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, suite.binary, args...)
	cmd.Dir = t.TempDir() // where ./data would be
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("sluice %s: %v", strings.Join(args, " "), err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// logBuffer collects a log; safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
