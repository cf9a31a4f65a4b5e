package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is one child with its log file. The kernel sends it onParentDeath
// when this process dies.
type process struct {
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed once the child was reaped
	err     error         // how it ended; read after done
}

// spec says what to start. credential nil keeps the user.
type spec struct {
	path          string
	args          []string
	env           []string // nil keeps this process's environment
	dir           string
	logPath       string
	stdin         *os.File
	stdout        *os.File // nil goes to the log
	credential    *syscall.Credential
	onParentDeath syscall.Signal
}

// start runs a child in a process group of its own, so that Ctrl-C on the
// terminal reaches only its owner. The goroutine started here ends when the
// child was reaped; stop and kill wait for it.
func start(s spec) (*process, error) {
	logFile, err := os.OpenFile(s.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	defer func() { _ = logFile.Close() }() // the child holds its own copy

	cmd := exec.Command(s.path, s.args...) //nolint:gosec,noctx // programs this package names; ended by stop, not by a context
	cmd.Env, cmd.Dir = s.env, s.dir
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if s.stdout != nil {
		cmd.Stdout = s.stdout
	}
	if s.stdin != nil {
		cmd.Stdin = s.stdin
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: s.onParentDeath, Credential: s.credential}

	p := &process{cmd: cmd, logPath: s.logPath, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel's "parent" is the thread that forked. Holding it here until
		// the child is gone keeps the Go runtime from ending it early.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", s.path, err)
	}
	return p, nil
}

// signal is nil also for a child that has already ended.
func (p *process) signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %v to process %d: %w", sig, p.cmd.Process.Pid, err)
	}
	return nil
}

// stop asks with sig, waits, and kills after grace. Safe to repeat.
func (p *process) stop(sig os.Signal, grace time.Duration) error {
	if err := p.signal(sig); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return p.kill()
	}
}

func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// endedError describes a child that ended by itself, with its log's last lines.
func (p *process) endedError(name string) error {
	return fmt.Errorf("%s ended by itself (%v); its log ends with:\n%s", name, p.cmd.ProcessState, logTail(p.logPath))
}

// waitReady calls probe until it returns nil, the child ends or ctx does.
func (p *process) waitReady(ctx context.Context, name string, probe func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.endedError(name)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (last answer: %w); its log ends with:\n%s", name, err, logTail(p.logPath))
		case <-tick.C:
		}
	}
}

const logTailBytes = 4000

// logTail is the end of a log, or why it cannot be read.
func logTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }() // only read
	if info, err := f.Stat(); err == nil && info.Size() > logTailBytes {
		if _, err := f.Seek(-logTailBytes, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	tail, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(tail))
}
