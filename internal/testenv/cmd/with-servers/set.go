package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"sluice/internal/testenv"
	"sluice/internal/testenv/server"
)

func names() []string { return []string{"kafka", "postgres", "clickhouse"} }

// running is what the three kinds of server have in common.
type running interface {
	Stop() error
	Ended() <-chan struct{}
	LogTail() string
}

// set is the servers of one run, in one folder.
type set struct {
	options options
	stderr  io.Writer
	dir     *server.RunDir

	mu      sync.Mutex
	servers map[string]running
	env     []string
}

func newSet(o options, stderr io.Writer) (*set, error) {
	dir, err := server.NewRunDir()
	if err != nil {
		return nil, err
	}
	return &set{options: o, stderr: stderr, dir: dir, servers: map[string]running{}}, nil
}

// start starts all servers side by side; the slowest decides.
func (s *set) start(ctx context.Context) error {
	begun := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range s.options.only {
		group.Go(func() error {
			started, env, err := s.startOne(ctx, name)
			if err != nil {
				return fmt.Errorf("starting %s: %w", name, err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.servers[name] = started
			s.env = append(s.env, env)
			_, _ = fmt.Fprintf(s.stderr, "with-servers: %s ready after %.1f s\n", name, time.Since(begun).Seconds())
			return nil
		})
	}
	return group.Wait()
}

func (s *set) startOne(ctx context.Context, name string) (running, string, error) {
	dir := filepath.Join(s.dir.Path, name)
	switch name {
	case "kafka":
		k, err := server.StartKafka(ctx, dir, server.KafkaOptions{FullJIT: s.options.bench})
		if err != nil {
			return nil, "", err
		}
		return k, testenv.KafkaVariable + "=" + strings.Join(k.Brokers(), ","), nil
	case "postgres":
		p, err := server.StartPostgres(ctx, dir, server.PostgresOptions{Durable: s.options.bench})
		if err != nil {
			return nil, "", err
		}
		return p, testenv.PostgresVariable + "=" + p.URL(), nil
	default:
		c, err := server.StartClickHouse(ctx, dir)
		if err != nil {
			return nil, "", err
		}
		return c, testenv.ClickHouseVariable + "=" + c.URL(), nil
	}
}

// run runs the command until it ends, a signal arrives or a server ends by
// itself. A command that ignores the signal is killed with all its group.
func (s *set) run(command []string, signals <-chan os.Signal) error {
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // running what it is given is its purpose
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = slices.DeleteFunc(append(os.Environ(), s.env...), func(v string) bool { return strings.HasPrefix(v, innerVariable+"=") })
	if python, err := server.Python(); err == nil { // not fetched: the tests that need it say so
		cmd.Env = append(cmd.Env, testenv.PythonVariable+"="+python)
	}
	// On a terminal the command stays in the foreground group, so that a shell
	// works in it and Ctrl-C reaches it directly.
	ownGroup := !isTerminal()
	if !ownGroup {
		cmd.Stdin = os.Stdin
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: ownGroup, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the command: %w", err)
	}
	signalCommand := func(sig os.Signal) {
		if n, ok := sig.(syscall.Signal); ok && ownGroup {
			_ = syscall.Kill(-cmd.Process.Pid, n) // it may just have ended
			return
		}
		_ = cmd.Process.Signal(sig) // it may just have ended
	}
	defer signalCommand(syscall.SIGKILL) // what the command left running in its group
	return s.wait(cmd, signals, signalCommand)
}

// graceAfterSignal is what the command gets to clean up.
const graceAfterSignal = 5 * time.Second

func (s *set) wait(cmd *exec.Cmd, signals <-chan os.Signal, signalCommand func(os.Signal)) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var grace <-chan time.Time
	ended := s.anyEnded()
	var reason error
	for {
		select {
		case err := <-done:
			return errors.Join(err, reason)
		case sig := <-signals:
			signalCommand(sig)
			grace = time.After(graceAfterSignal)
		case name := <-ended:
			reason = fmt.Errorf("%s ended by itself; its log ends with:\n%s", name, s.servers[name].LogTail())
			signalCommand(syscall.SIGTERM)
			grace = time.After(graceAfterSignal)
		case <-grace:
			signalCommand(syscall.SIGKILL)
		}
	}
}

// anyEnded gives the name of each server that ends. The goroutines end with
// the servers, which close stops.
func (s *set) anyEnded() <-chan string {
	ended := make(chan string, len(s.servers)) // room for all, so that nobody waits for a reader
	for name, one := range s.servers {
		go func() {
			<-one.Ended()
			ended <- name
		}()
	}
	return ended
}

// close stops every server and removes their folder.
func (s *set) close() error {
	var group errgroup.Group
	for _, one := range s.servers {
		group.Go(one.Stop)
	}
	return errors.Join(group.Wait(), s.dir.Remove())
}

func isTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }
