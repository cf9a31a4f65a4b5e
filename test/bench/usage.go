package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// processStat is what /proc/PID/stat says of a process.
type processStat struct {
	parent  int
	own     time.Duration // user and system
	reaped  time.Duration // of children that ended and were waited for
	command string
}

func readStat(pid int) (processStat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processStat{}, fmt.Errorf("reading CPU time: %w", err)
	}
	// The command stands in brackets and may hold anything.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	if open < 0 || end < open || len(fields) < 15 {
		return processStat{}, fmt.Errorf("reading CPU time: unexpected %q", text)
	}
	number := func(field int) int64 { // numbered as in proc(5)
		n, _ := strconv.ParseInt(fields[field-3], 10, 64)
		return n
	}
	return processStat{
		parent: int(number(4)), command: string(text[open+1 : end]),
		own:    time.Duration(number(14)+number(15)) * tick,
		reaped: time.Duration(number(16)+number(17)) * tick,
	}, nil
}

// cpuOf is the CPU time of a process alone.
func cpuOf(pid int) (time.Duration, error) {
	s, err := readStat(pid)
	return s.own, err
}

// familyCPU is the CPU time of a process, its children and those it had.
func familyCPU(pid int) (time.Duration, error) {
	s, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	sum := s.own + s.reaped
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, fmt.Errorf("listing processes: %w", err)
	}
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if s, err := readStat(child); err == nil && s.parent == pid {
			sum += s.own + s.reaped
		}
	}
	return sum, nil
}

// peakRSS is the most memory that a process ever had resident, in bytes.
func peakRSS(pid int) (int64, error) { return procNumber(pid, "status", "VmHWM:", 1024) }

// watchMemory notes the most memory of its own (not mapped from files) that a
// process has resident until ctx ends.
func watchMemory(ctx context.Context, pid int) (peak func() int64) {
	done := make(chan int64, 1)
	go func() {
		most := int64(0)
		for t := time.NewTicker(20 * time.Millisecond); ; {
			if n, err := procNumber(pid, "status", "RssAnon:", 1024); err == nil {
				most = max(most, n)
			}
			select {
			case <-ctx.Done():
				t.Stop()
				done <- most
				return
			case <-t.C:
			}
		}
	}()
	return func() int64 { return <-done }
}

// writtenBytes is what a process had written to disk.
func writtenBytes(pid int) (int64, error) { return procNumber(pid, "io", "write_bytes:", 1) }

func procNumber(pid int, file, key string, unit int64) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", key, err)
	}
	defer f.Close() //nolint:errcheck // only read from
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), key); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * unit, err
		}
	}
	return 0, fmt.Errorf("reading %s: not there", key)
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// listener finds the process that listens on a TCP address of this machine.
func listener(address string) (pid int, err error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("finding who listens: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0, fmt.Errorf("finding who listens on %s: %w", address, err)
	}
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			const listening = "0A"
			if len(f) > 9 && f[3] == listening && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, fmt.Errorf("listing files: %w", err)
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && sockets[target] {
			found, _ := strconv.Atoi(strings.Split(file, "/")[2])
			if pid == 0 || found < pid { // a child may share the socket
				pid = found
			}
		}
	}
	if pid == 0 {
		return 0, fmt.Errorf("nobody listens on %s", address)
	}
	return pid, nil
}
