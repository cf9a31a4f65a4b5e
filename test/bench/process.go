package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"sluice/internal/cli"
)

// The child of a profiled run is this very program: the product itself offers
// no profiles. SIGUSR1 begins the CPU profile, SIGUSR2 ends it.
const (
	childVariable   = "BENCH_CHILD" // the arguments, one a line
	profileVariable = "BENCH_PROFILE"
)

// runChild is the product under a profiler.
func runChild(ctx context.Context) (err error) {
	path := os.Getenv(profileVariable)
	begin, end := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(begin, syscall.SIGUSR1)
	signal.Notify(end, syscall.SIGUSR2)
	done := make(chan error, 1)
	profileCtx, stop := context.WithCancel(ctx)
	go func() { done <- profile(profileCtx, path, begin, end) }()
	defer func() {
		stop()
		err = errors.Join(err, <-done)
	}()
	return cli.Run(ctx, strings.Split(os.Getenv(childVariable), "\n"), os.Stdin, os.Stdout, os.Stderr)
}

func profile(ctx context.Context, path string, begin, end <-chan os.Signal) (err error) {
	select {
	case <-begin:
	case <-ctx.Done():
		return nil
	}
	f, err := os.Create(path) //nolint:gosec // named by whoever runs this
	if err != nil {
		return fmt.Errorf("creating the profile: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return fmt.Errorf("starting the profile: %w", err)
	}
	select {
	case <-end:
	case <-ctx.Done():
	}
	pprof.StopCPUProfile()
	allocs, err := os.Create(path + ".allocs") //nolint:gosec // likewise
	if err != nil {
		return fmt.Errorf("creating the profile: %w", err)
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
}

// process is a running server.
type process struct {
	cmd     *exec.Cmd
	address string // http://host:port
	log     *os.File
}

const startTimeout = 60 * time.Second

// start runs `sluice serve` and waits until it is ready.
func (b *bench) start(ctx context.Context, data string, args ...string) (*process, error) {
	args = append([]string{"serve", "--data", data, "--http", "127.0.0.1:0", "--log-level", "warn"}, args...)
	cmd := exec.Command(b.binary, args...) //nolint:gosec,noctx // the product; ended by stop
	if b.cpuprofile != "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding this program: %w", err)
		}
		cmd = exec.Command(self) //nolint:gosec,noctx // this very program; ended by stop
		cmd.Env = append(os.Environ(), childVariable+"="+strings.Join(args, "\n"), profileVariable+"="+b.cpuprofile)
	}
	log, err := os.Create(filepath.Join(b.dir, "sluice.log"))
	if err != nil {
		return nil, fmt.Errorf("creating the log: %w", err)
	}
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting sluice: %w", err), log.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting sluice: %w", err), log.Close())
	}
	p := &process{cmd: cmd, log: log}
	if err := p.awaitReady(ctx, stdout); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *process) awaitReady(ctx context.Context, stdout io.Reader) error {
	first := make(chan string, 1)
	go func() { // ends with the process
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		first <- line
	}()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-ctx.Done():
		return fmt.Errorf("waiting for sluice: %w%s", ctx.Err(), p.tail())
	case line := <-first:
		var addresses struct {
			HTTP string `json:"http"`
		}
		if err := json.Unmarshal([]byte(line), &addresses); err != nil {
			return fmt.Errorf("sluice did not start: %w%s", err, p.tail())
		}
		p.address = "http://" + addresses.HTTP
		return nil
	}
}

// tail is the end of what the server said.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log.Name())
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return "\n" + string(text)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// signal is for the profile; a process that has ended says so elsewhere.
func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// stop ends the server in order.
func (p *process) stop() error {
	p.signal(syscall.SIGTERM)
	kill := time.AfterFunc(time.Minute, func() { p.signal(syscall.SIGKILL) })
	defer kill.Stop()
	if err := p.cmd.Wait(); err != nil {
		return errors.Join(fmt.Errorf("sluice ended: %w%s", err, p.tail()), p.log.Close())
	}
	return p.log.Close()
}
