// Command with-servers starts Apache Kafka, PostgreSQL and ClickHouse on free
// loopback ports, runs a command with their addresses in its environment, and
// stops them, however the command or it itself ends.
//
//	with-servers [-only kafka,postgres,clickhouse] [-bench] COMMAND [ARG…]
//
// It runs in two layers. The outer one only passes signals on. The inner one
// does the work and is told by the kernel when the outer one dies, so that
// even SIGKILL ends in an orderly stop with nothing left behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// innerVariable marks the inner layer's environment.
const innerVariable = "SLUICE_WITH_SERVERS_INNER"

func main() {
	// The kernel watches the thread that starts a child; the main thread lives
	// as long as the process.
	runtime.LockOSThread()
	isInner := os.Getenv(innerVariable) != ""
	var err error
	if isInner {
		err = inner(os.Args[1:], os.Stderr)
	} else {
		err = outer(os.Args[1:])
	}
	if err == nil {
		return
	}
	code := 1
	var exit *exec.ExitError
	isExit := errors.As(err, &exit)
	if isExit {
		code = exitCode(exit)
	}
	if isInner || !isExit { // the outer layer has nothing to add to how the inner one ended
		fmt.Fprintln(os.Stderr, "with-servers:", err)
	}
	os.Exit(code)
}

// exitCode is the shell's: 128 and the signal's number for a killed command.
func exitCode(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// outer runs this program again as the inner layer.
func outer(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	cmd := exec.Command(self, args...) //nolint:gosec,noctx // this very program; ended by the signals passed on
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), innerVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !isTerminal(), Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the inner layer: %w", err)
	}
	return waitPassing(cmd, signals)
}

// waitPassing waits for cmd and passes on what arrives meanwhile.
func waitPassing(cmd *exec.Cmd, signals <-chan os.Signal) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return err
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may just have ended
		}
	}
}

// options are the command line of the inner layer.
type options struct {
	only    []string
	bench   bool
	command []string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("with-servers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", strings.Join(names(), ","), "the servers to start")
	flags.BoolVar(&o.bench, "bench", false, "fsync on and the full JIT: slower to start, fit to be measured")
	flags.Usage = func() {
		_, _ = fmt.Fprintln(stderr, "usage: with-servers [flags] COMMAND [ARG…]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.only, o.command = strings.Split(*only, ","), flags.Args()
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("no server %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	if len(o.command) == 0 {
		flags.Usage()
		return o, errors.New("no command given")
	}
	return o, nil
}

// inner starts the servers, runs the command and stops everything.
func inner(args []string, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	s, err := newSet(o, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	if err := startUnlessSignalled(s, signals); err != nil {
		return err
	}
	return s.run(o.command, signals)
}

func startUnlessSignalled(s *set, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	started := make(chan error, 1)
	go func() { started <- s.start(ctx) }()
	for {
		select {
		case err := <-started:
			return errors.Join(err, context.Cause(ctx))
		case sig := <-signals:
			cancel(fmt.Errorf("stopped by %v", sig))
		}
	}
}
