//go:build crash

package crash_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sluice/internal/crash"
)

// TestMain turns the test binary into the process that dies.
func TestMain(m *testing.M) {
	switch os.Getenv("CRASH_TEST_ROLE") {
	case "walk":
		for range 2 {
			for _, s := range []crash.Step{crash.Accept, crash.ApplyCommit} {
				crash.Before(s)
				crash.After(s)
			}
			crash.Point("between")
		}
		_, _ = os.Stdout.WriteString("walked\n")
	case "together":
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { crash.Point("shared") })
		}
		wg.Wait()
		_, _ = os.Stdout.WriteString("walked\n")
	default:
		m.Run()
	}
}

// walk runs this binary in a role; it tells what was logged and whether the
// process was killed.
func walk(t *testing.T, role, at string) (reached []string, killed bool) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "points")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "CRASH_TEST_ROLE="+role, "SLUICE_CRASH_AT="+at, "SLUICE_CRASH_LOG="+log)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status, ok := exit.Sys().(syscall.WaitStatus)
		if !ok || status.Signal() != syscall.SIGKILL {
			t.Fatalf("ended with %v", err)
		}
		killed = true
	} else if err != nil {
		t.Fatal(err)
	}
	if walked := strings.Contains(string(out), "walked"); walked == killed {
		t.Fatalf("killed is %v, output %q", killed, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text)), killed
}

func TestProcessDiesAtTheChosenPoint(t *testing.T) {
	round := []string{"accept.before", "accept.after", "apply_commit.before", "apply_commit.after", "between"}
	all := append(append([]string{}, round...), round...)
	for name, c := range map[string]struct {
		at      string
		reached int // points logged, the deadly one included
		killed  bool
	}{
		"nothing_chosen":            {"", 10, false},
		"first_point":               {"1", 1, true},
		"seventh_point":             {"7", 7, true},
		"one_beyond_the_last":       {"11", 10, false},
		"named_point":               {"apply_commit.after:1", 4, true},
		"named_point_second_time":   {"apply_commit.after:2", 9, true},
		"point_that_is_no_step":     {"between:1", 5, true},
		"name_never_reached":        {"spool_delete.after:1", 10, false},
		"misspelt_plan_kills_never": {"apply_commit.after", 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			reached, killed := walk(t, "walk", c.at)
			if killed != c.killed || strings.Join(reached, " ") != strings.Join(all[:c.reached], " ") {
				t.Fatalf("killed %v after %v", killed, reached)
			}
		})
	}
}

func TestNobodyPassesAPointWhileAnotherDies(t *testing.T) {
	if reached, killed := walk(t, "together", "shared:3"); !killed || len(reached) != 3 {
		t.Fatalf("killed %v after %d points", killed, len(reached))
	}
}

func TestPointsAreOnWithTheTag(t *testing.T) {
	if !crash.Enabled {
		t.Fatal("crash points are off")
	}
}
