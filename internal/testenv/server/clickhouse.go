package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ClickHouse is one ClickHouse engine on loopback with its native protocol and
// HTTP. It may be stopped and started again on the same data and ports.
//
// It is the engine with clickhouse-local's listeners, not the server program:
// no CREATE USER, no ON CLUSTER, no ReplicatedMergeTree.
type ClickHouse struct {
	dir     string
	host    string // the child program
	library string
	tcp     int
	http    int
	stdin   *os.File // closing it ends the child cleanly
	process *process
}

// StartClickHouse starts an engine on an empty dir and waits until it answers.
func StartClickHouse(ctx context.Context, dir string) (*ClickHouse, error) {
	host, err := tool("clickhouse", "bin", "clickhouse-server")
	if err != nil {
		return nil, err
	}
	library, err := tool("clickhouse", "clickhouse", "libchdb.so")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the ClickHouse folder: %w", err)
	}
	c := &ClickHouse{dir: dir, host: host, library: library}
	for attempt := 0; ; attempt++ {
		ports, err := freePorts(2)
		if err != nil {
			return nil, err
		}
		c.tcp, c.http = ports[0], ports[1]
		if err = c.Start(ctx); err == nil {
			return c, nil
		}
		if attempt == startAttempts || ctx.Err() != nil {
			return nil, err
		}
	}
}

func (c *ClickHouse) logPath() string { return filepath.Join(c.dir, "log") }

// Start starts the engine again after Stop or Kill, on the same data and
// ports, and waits until it answers.
func (c *ClickHouse) Start(ctx context.Context) error {
	stdin, keepOpen, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	stdout, childStdout, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	defer func() { _ = stdout.Close() }() // one line is read from it
	c.stdin = keepOpen
	c.process, err = start(spec{
		path: c.host,
		args: []string{
			"-lib", c.library, "-path", filepath.Join(c.dir, "data"),
			"-tcp-port", strconv.Itoa(c.tcp), "-http-port", strconv.Itoa(c.http),
		},
		dir: c.dir, logPath: c.logPath(), stdin: stdin, stdout: childStdout, onParentDeath: syscall.SIGKILL,
	})
	_, _ = stdin.Close(), childStdout.Close() // the child has its own copies
	if err != nil {
		return err
	}
	if err := c.readReady(ctx, stdout); err != nil {
		_ = c.process.kill() // the first error is the one to report
		return err
	}
	return nil
}

// readReady waits for the child's one line of JSON.
func (c *ClickHouse) readReady(ctx context.Context, stdout *os.File) error {
	deadline := time.Now().Add(30 * time.Second)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := stdout.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("setting a deadline: %w", err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("clickhouse is not ready: %w; its log ends with:\n%s", err, c.LogTail())
	}
	var ready struct{ TCP, HTTP string }
	if err := json.Unmarshal(line, &ready); err != nil {
		return fmt.Errorf("reading ClickHouse's addresses from %q: %w", line, err)
	}
	return nil
}

// URL names the native protocol and the database default.
func (c *ClickHouse) URL() string { return "clickhouse://" + loopback(c.tcp) + "/default" }

// HTTPURL is the base of ClickHouse's HTTP interface.
func (c *ClickHouse) HTTPURL() string { return "http://" + loopback(c.http) }

// Stop ends the engine cleanly. Safe to repeat.
func (c *ClickHouse) Stop() error {
	_ = c.stdin.Close() // closed before: it has ended
	return c.process.stop(syscall.SIGTERM, 20*time.Second)
}

// Kill is a crash: SIGKILL.
func (c *ClickHouse) Kill() error {
	defer func() { _ = c.stdin.Close() }() // nobody reads it any more
	return c.process.kill()
}

// Ended is closed when the engine's process is gone, for whatever reason.
func (c *ClickHouse) Ended() <-chan struct{} { return c.process.done }

// LogTail is the end of the engine's log.
func (c *ClickHouse) LogTail() string { return logTail(c.logPath()) }
