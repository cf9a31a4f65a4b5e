// Command bench measures the path of a row, from the first byte of an upload to
// its final response, beside what its parts can do alone, and prints one table.
//
//	go run ./test/bench -rows 1000000 [-customers M] [-only floors,embedded,servers,small] [-cpuprofile FILE]
//
// It starts the real binary on embedded parts and, where SLUICE_TEST_KAFKA and
// SLUICE_TEST_POSTGRES name servers (scripts/with-servers), once more on those.
// The floors are measured in the same run: the bare parser, the bare codec, the
// bare log and the bare store loop over the same rows. CPU microseconds per row
// is the figure to trust on a machine that does other things too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// The parts of a run, as -only names them.
const (
	partFloors   = "floors"
	partEmbedded = "embedded"
	partServers  = "servers"
	partSmall    = "small"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if os.Getenv(childVariable) != "" {
		err = runChild(ctx)
	} else {
		err = run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// options are the command line.
type options struct {
	rows       int
	customers  int
	only       []string
	cpuprofile string
	dir        string
	servers    bool // they must be there
	check      bool // a missed target is a failure
	quiet      bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rows, "rows", 200_000, "rows of the update file")
	flags.IntVar(&o.customers, "customers", 0, "customers in the store before; 0: as many as rows")
	only := flags.String("only", "", "parts to run, separated by commas: floors, embedded, servers, small; empty: all that can run")
	flags.StringVar(&o.cpuprofile, "cpuprofile", "", "write the CPU profile of the embedded process over the update to this file, and its allocations to FILE.allocs")
	flags.StringVar(&o.dir, "dir", "", "folder for files and data, removed at the end; empty: a temporary one")
	flags.BoolVar(&o.servers, "servers", false, "fail if no Kafka and PostgreSQL are named in the environment")
	flags.BoolVar(&o.check, "check", false, "exit with 1 if a target is missed")
	flags.BoolVar(&o.quiet, "quiet", false, "no progress on stderr")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.customers == 0 {
		o.customers = o.rows
	}
	if o.rows < 1000 || o.customers < o.rows {
		return o, errors.New("-rows must be at least 1000, and -customers at least as many: each row names another customer")
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, part := range o.only {
		if !slices.Contains([]string{partFloors, partEmbedded, partServers, partSmall}, part) {
			return o, fmt.Errorf("no part %q; there are floors, embedded, servers and small", part)
		}
	}
	return o, nil
}

// wants reports whether a part is to run.
func (o *options) wants(part string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, part)
}

// run measures and prints the table.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.quiet {
		stderr = io.Discard
	}
	servers, err := serversFromEnvironment()
	if err != nil && (o.servers || slices.Contains(o.only, partServers)) {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "sluice-bench-*")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	b := &bench{options: o, dir: dir, progress: stderr, report: &report{rows: o.rows, customers: o.customers}}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if o.wants(partFloors) {
		if err := b.floors(ctx); err != nil {
			return err
		}
	}
	if o.wants(partEmbedded) {
		if err := b.embedded(ctx); err != nil {
			return fmt.Errorf("embedded: %w", err)
		}
	}
	if servers != nil && o.wants(partServers) {
		if err := b.onServers(ctx, servers); err != nil {
			return fmt.Errorf("servers: %w", err)
		}
	}
	if err := b.report.print(stdout); err != nil {
		return err
	}
	if missed := b.report.missed(); o.check && len(missed) > 0 {
		return fmt.Errorf("targets missed: %s", strings.Join(missed, "; "))
	}
	return nil
}
