//go:build servers

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNothingIsLeftBehind ends the program in every way there is and then
// looks for processes and folders of its own.
func TestNothingIsLeftBehind(t *testing.T) {
	program := filepath.Join(t.TempDir(), "with-servers")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tests := []struct {
		name    string
		command string // run by sh once the servers are up
		signal  syscall.Signal
		code    int
	}{
		{name: "the_command_succeeds", command: "true", code: 0},
		{name: "the_command_fails", command: "exit 7", code: 7},
		{name: "the_command_leaves_a_child", command: "sleep 1000 & exit 0", code: 0},
		{name: "interrupted", command: "echo up; sleep 1000", signal: syscall.SIGINT, code: 130},
		{name: "terminated", command: "echo up; sleep 1000", signal: syscall.SIGTERM, code: 143},
		{name: "killed", command: "echo up; sleep 1000", signal: syscall.SIGKILL, code: -1},
		{name: "killed_with_a_deaf_command", command: "trap '' TERM; echo up; exec sleep 1000", signal: syscall.SIGKILL, code: -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			temp := sharedTemp(t)
			cmd := exec.CommandContext(t.Context(), program, "-only", "postgres,clickhouse", "sh", "-c", tt.command)
			cmd.Env = append(os.Environ(), "TMPDIR="+temp)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if tt.signal != 0 {
				if _, err := out.Read(make([]byte, 1)); err != nil {
					t.Fatalf("the command did not start: %v", err)
				}
				if err := cmd.Process.Signal(tt.signal); err != nil {
					t.Fatal(err)
				}
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			waitNothingLeft(t, temp)
		})
	}
}

// sharedTemp is a folder that PostgreSQL's user may enter, unlike t.TempDir.
func sharedTemp(t *testing.T) string {
	t.Helper()
	temp, err := os.MkdirTemp("", "sluice-left-behind-") //nolint:usetesting // t.TempDir lets no other user in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(temp); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	return temp
}

// waitNothingLeft waits until no file is in temp and no process has temp on
// its command line or in its environment.
func waitNothingLeft(t *testing.T, temp string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(graceAfterSignal + 30*time.Second)
	for {
		files, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		processes := processesWith(temp)
		if len(files) == 0 && len(processes) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("left behind: files %v, processes %v", files, processes)
		}
	}
}

func processesWith(text string) []string {
	var found []string
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, dir := range dirs {
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if strings.Contains(string(cmdline), text) || strings.Contains(string(environment), text) {
			found = append(found, filepath.Base(dir)+" "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	return found
}
