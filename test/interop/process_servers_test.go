//go:build servers

package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 60 * time.Second // of a process on a busy machine
	stopTimeout  = 40 * time.Second // above its own time to drain
)

// process is a `sluice serve` of the test's own. It may be ended and started again.
type process struct {
	*api
	name  string
	flags []string
	kafka string // brokers: those of a cluster, or its own, which change with each start

	cmd    *exec.Cmd
	exited chan error // receives the process's end once
	log    *logBuffer
}

// newProcess prepares a process that is ended with the test. Its log is shown if
// the test fails.
func newProcess(t *testing.T, name string, flags ...string) *process {
	t.Helper()
	p := &process{api: &api{t: t}, name: name, log: &logBuffer{}}
	p.flags = append([]string{"serve", "--http", "127.0.0.1:0", "--log-format", "json"}, flags...)
	t.Cleanup(func() {
		if p.cmd != nil {
			p.Stop()
		}
		if t.Failed() {
			t.Logf("log of %s ends with:\n%s", name, p.log.tail())
		}
	})
	return p
}

// Start runs the process and waits for its first line.
func (p *process) Start() {
	p.t.Helper()
	p.Launch()()
}

// Launch runs the process and returns what waits until it is ready.
func (p *process) Launch() (ready func()) {
	p.t.Helper()
	cmd := exec.Command(binary, p.flags...) //nolint:noctx // ended by Stop or Kill
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SLUICE_") })
	cmd.Stderr = p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	first, exited := make(chan []byte, 1), make(chan error, 1)
	p.cmd, p.exited = cmd, exited
	go func() { // ends with the process
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadBytes('\n') // an empty line says it all
		first <- line
		_, _ = io.Copy(io.Discard, lines) // nothing else is printed
		exited <- cmd.Wait()
	}()
	return func() {
		p.t.Helper()
		select {
		case line := <-first:
			p.announced(line)
		case <-time.After(startTimeout):
			p.t.Fatalf("%s did not get ready", p.name)
		}
	}
}

// announced reads the first line on stdout.
func (p *process) announced(line []byte) {
	p.t.Helper()
	var addresses struct{ HTTP, Kafka string }
	if err := json.Unmarshal(line, &addresses); err != nil || addresses.HTTP == "" {
		p.t.Fatalf("the first line of %s is %q, want a JSON object with the addresses (%v)", p.name, line, err)
	}
	p.base = "http://" + addresses.HTTP
	if addresses.Kafka != "" {
		p.kafka = addresses.Kafka
	}
}

// Stop asks the process to end and wants exit code 0.
func (p *process) Stop() {
	p.t.Helper()
	if err := p.end(syscall.SIGTERM); err != nil {
		p.t.Errorf("%s ended with %v after SIGTERM, want exit code 0", p.name, err)
	}
}

// Kill ends the process as a crash would.
func (p *process) Kill() {
	p.t.Helper()
	var exit *exec.ExitError
	if err := p.end(syscall.SIGKILL); !errors.As(err, &exit) {
		p.t.Errorf("%s ended by itself before it was killed: %v", p.name, err)
	}
}

func (p *process) end(sig syscall.Signal) error {
	p.t.Helper()
	cmd := p.cmd
	p.cmd = nil
	p.close()
	if err := cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case err := <-p.exited:
		return err
	case <-time.After(stopTimeout):
		_ = cmd.Process.Kill() // reported below
		<-p.exited             //nolint:errcheck // killed, and reported below
		p.t.Fatalf("%s did not end %s after %v", p.name, stopTimeout, sig)
		return nil
	}
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

// tail is the last of the log.
func (l *logBuffer) tail() string {
	const most = 8 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.Bytes()
	return string(text[max(0, len(text)-most):])
}
