package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	options
	dir      string // removed at the end
	progress io.Writer
	binary   string // of the product
	report   *report

	createFile, updateFile           string
	createFileBytes, updateFileBytes int64
}

// Rounds of updates; each brings other values.
const (
	roundUpdate = 1 // the measured file
	roundStore  = 2 // the bare store loop, over the same customers in the same order
	roundSmall  = 3
	roundLarge  = 4 // the large upload beside which small ones run
)

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// prepare builds the product and writes the files.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.cpuprofile == "" {
		if b.binary, err = build(ctx, b.dir); err != nil {
			return err
		}
	}
	b.createFile, b.updateFile = b.path("create.csv"), b.path("update.csv")
	if b.createFileBytes, err = writeCreate(b.createFile, 0, b.customers); err != nil {
		return err
	}
	b.updateFileBytes, err = writeUpdate(b.updateFile, order(b.customers, b.rows, roundUpdate), roundUpdate)
	return err
}

// build makes the product's binary, with Go's build cache.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "sluice")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "sluice") //nolint:gosec // into our own folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building sluice: %w\n%s", err, out)
	}
	return binary, nil
}

// place is where the product runs: on which parts, and whose CPU time counts.
type place struct {
	name    string
	args    []string
	servers *servers // nil on embedded parts
}

// product is a place with a running server.
type product struct {
	*bench
	place
	process *process
	uploader
}

func (b *bench) launch(ctx context.Context, at place, data string) (*product, error) {
	p, err := b.start(ctx, data, at.args...)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{ExpectContinueTimeout: time.Second}
	return &product{bench: b, place: at, process: p, uploader: uploader{p.address, &http.Client{Transport: transport}}}, nil
}

// embedded measures the product on embedded parts, and the store loop over what
// it leaves behind.
func (b *bench) embedded(ctx context.Context) error {
	data := b.path("data")
	p, err := b.launch(ctx, place{name: "embedded", args: []string{"--kafka-listen", "127.0.0.1:0"}}, data)
	if err != nil {
		return err
	}
	path, err := p.measure(ctx)
	if err := joinStop(err, p.process.stop()); err != nil {
		return err
	}
	if b.wants(partFloors) {
		floor, err := b.storeLoop(ctx, "SQLite", func() (applyStore, error) { return openSQLite(ctx, data) }, nil)
		if err != nil {
			return fmt.Errorf("bare store: %w", err)
		}
		b.report.ratio("embedded", path, floor, 0.6, 0.85)
	}
	return os.RemoveAll(data)
}

// onServers measures the product on Apache Kafka and PostgreSQL.
func (b *bench) onServers(ctx context.Context, s *servers) error {
	if err := s.find(); err != nil {
		return err
	}
	at := place{name: "Kafka + PostgreSQL", servers: s, args: []string{
		"--kafka", s.kafka, "--database", s.database, "--files", "file://" + b.path("files"),
	}}
	p, err := b.launch(ctx, at, b.path("data-servers"))
	if err != nil {
		return err
	}
	path, err := p.measure(ctx)
	if err := joinStop(err, p.process.stop()); err != nil {
		return err
	}
	if b.wants(partFloors) {
		floor, err := b.storeLoop(ctx, "PostgreSQL", func() (applyStore, error) { return openPostgres(ctx, s.database) }, s)
		if err != nil {
			return fmt.Errorf("bare store: %w", err)
		}
		b.report.ratio(at.name, path, floor, 0, 0)
	}
	return nil
}

// joinStop prefers the first error, which is the cause of the second.
func joinStop(err, stopping error) error {
	if err != nil {
		return err
	}
	return stopping
}

// measure uploads the two files, and then small ones.
func (p *product) measure(ctx context.Context) (line, error) {
	p.say("%s: creating %d customers", p.name, p.customers)
	if _, err := p.file(ctx, "create", create, p.createFile, p.createFileBytes, p.customers); err != nil {
		return line{}, err
	}
	if err := p.settle(ctx); err != nil {
		return line{}, err
	}
	p.say("%s: updating %d rows", p.name, p.rows)
	if p.cpuprofile != "" {
		p.process.signal(syscall.SIGUSR1)
	}
	path, err := p.file(ctx, "update", update, p.updateFile, p.updateFileBytes, p.rows)
	if p.cpuprofile != "" {
		p.process.signal(syscall.SIGUSR2)
	}
	if err != nil {
		return line{}, err
	}
	peak, err := peakRSS(p.process.pid())
	if err != nil {
		return line{}, err
	}
	path.peakRSS = peak
	p.report.path(path, p.servers != nil)
	if p.wants(partSmall) {
		if err := p.small(ctx); err != nil {
			return line{}, err
		}
	}
	return path, nil
}

// file uploads one file and measures it.
func (p *product) file(ctx context.Context, what string, kind [2]string, path string, bytes int64, rows int) (line, error) {
	before, err := p.usage()
	if err != nil {
		return line{}, err
	}
	batches := p.metric(ctx, "sluice_apply_batch_seconds_count")
	watch, enough := context.WithCancel(ctx)
	peak := watchMemory(watch, p.process.pid())
	took, err := p.upload(ctx, kind, path, rows)
	enough()
	anonymous := peak()
	if err != nil {
		return line{}, fmt.Errorf("%s: %w%s", what, err, p.process.tail())
	}
	after, err := p.usage()
	if err != nil {
		return line{}, err
	}
	l := line{
		name: p.name + ", " + what, rows: rows, took: took, fileBytes: bytes,
		cpu: after.sluice - before.sluice, written: after.written - before.written, anonymous: anonymous,
		batches: p.metric(ctx, "sluice_apply_batch_seconds_count") - batches,
	}
	if p.servers != nil {
		l.kafkaCPU, l.postgresCPU = after.kafka-before.kafka, after.postgres-before.postgres
	}
	p.report.add(l)
	return l, nil
}

// usage is what was used so far.
type usage struct {
	sluice, kafka, postgres time.Duration
	written                 int64
}

func (p *product) usage() (u usage, err error) {
	if u.sluice, err = cpuOf(p.process.pid()); err != nil {
		return u, err
	}
	if u.written, err = writtenBytes(p.process.pid()); err != nil {
		return u, err
	}
	if p.servers == nil {
		return u, nil
	}
	if u.kafka, err = familyCPU(p.servers.kafkaPID); err != nil {
		return u, err
	}
	u.postgres, err = familyCPU(p.servers.postgresPID)
	return u, err
}

// settle waits until the server has nothing left to do, so that the work after
// one upload is not counted with the next.
func (p *product) settle(ctx context.Context) error {
	const quiet, calm = 500 * time.Millisecond, 30 * time.Millisecond
	for range 60 {
		before, err := p.usage()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(quiet):
		}
		after, err := p.usage()
		if err != nil {
			return err
		}
		if after.sluice-before.sluice <= calm {
			return nil
		}
	}
	return nil
}
