package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// write makes a file in the test's own folder.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSecondProcessOnTheSameDataIsRefused, and SIGKILL frees the folder.
func TestSecondProcessOnTheSameDataIsRefused(t *testing.T) {
	s := start(t, embedded())
	data := filepath.Join(s.dir, "data")
	second := command(t, "serve", "--data", data, "--http", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0")
	if second.code != 2 || second.stdout != "" || !strings.Contains(second.stderr, "in use by another sluice process") {
		t.Errorf("the second process ended with %+v", second)
	}
	s.create(manyRows(2))
	s.Kill()
	s.Start()
	if n := len(s.customers(company)); n != 2 {
		t.Errorf("after a kill there are %d customers", n)
	}
}

// TestTakenAddressIsSaid in place of a stack.
func TestTakenAddressIsSaid(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // this machine
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // nothing was sent
	got := command(t, "serve", "--data", t.TempDir(), "--http", taken.Addr().String(), "--kafka-listen", "127.0.0.1:0")
	if got.code == 0 || got.stdout != "" || !strings.Contains(got.stderr, "address already in use") {
		t.Errorf("a server on a taken address ended with %+v", got)
	}
}

// TestOpenServerIsOnThisMachineOnly refuses any other address.
func TestOpenServerIsOnThisMachineOnly(t *testing.T) {
	for _, flag := range []string{"--http", "--kafka-listen"} {
		got := command(t, "serve", "--data", t.TempDir(), flag, "0.0.0.0:0")
		if got.code != 2 || !strings.Contains(got.stderr, "loopback") {
			t.Errorf("%s on every address ended with %+v", flag, got)
		}
	}
}

// TestUploadCommand prints counts, saves failures and ends with 0, 1 or 2.
func TestUploadCommand(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		good := write(t, "good.csv", lines("customerId,legalName", customerID(1)+",One", customerID(2)+",Two"))
		mixed := write(t, "mixed.csv", lines("customerId,pinCode", customerID(1)+",560001", customerID(2)+",bad"))
		failures := filepath.Join(t.TempDir(), "failures.csv")
		run := func(args ...string) outcome {
			return command(t, append([]string{"upload", "--url", s.URL, "--company", company}, args...)...)
		}
		if got := run(good, "--create"); got.code != 0 || !strings.Contains(got.stdout, "2 rows: 2 succeeded, 0 failed") {
			t.Errorf("a good file ended with %+v", got)
		}
		got := run(mixed, "--failures", failures)
		if got.code != 1 || !strings.Contains(got.stdout, "2 rows: 1 succeeded, 1 failed") || !strings.Contains(got.stdout, "INVALID_FORMAT") {
			t.Errorf("a mixed file ended with %+v", got)
		}
		saved, err := os.ReadFile(failures)
		if err != nil || !strings.Contains(string(saved), customerID(2)+",bad") {
			t.Errorf("the saved failures are %q (%v)", saved, err)
		}
		if got := run(failures); got.code != 1 {
			t.Errorf("the failure file sent as it is ended with %+v", got)
		}
		got = run(good, "--create", "--json", "--idempotency-key", "cli")
		again := run(good, "--create", "--json", "--idempotency-key", "cli")
		if got.code != 1 || got.stdout != again.stdout || !json.Valid([]byte(got.stdout)) {
			t.Errorf("the same key printed %+v and then %+v", got, again)
		}
		if got := run(good, "--wait=false"); got.code != 0 || !strings.Contains(got.stdout, uploadsPath) {
			t.Errorf("without waiting it ended with %+v", got)
		}
		for name, got := range map[string]outcome{
			"refused file":    run(write(t, "empty.csv", "")),
			"unknown company": command(t, "upload", good, "--url", s.URL, "--company", "CEKNOBODY1"),
			"no company":      command(t, "upload", good, "--url", s.URL),
			"no such file":    run("nowhere.csv"),
			"unreachable":     command(t, "upload", good, "--url", "http://127.0.0.1:1", "--company", company),
			"bad flag":        run(good, "--nonsense"),
		} {
			if got.code != 2 || got.stderr == "" || strings.Contains(got.stderr, "goroutine") {
				t.Errorf("%s: it ended with %+v", name, got)
			}
		}
		if strings.Contains(got.stderr, "\r") {
			t.Error("progress elsewhere than on a terminal has carriage returns")
		}
	})
}

// TestUploadsCommand lists state, age and owner.
func TestUploadsCommand(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		id := s.create(manyRows(3)).uploadID
		got := command(t, "uploads", "--url", s.URL)
		want := regexp.MustCompile(`(?m)^UPLOAD +STATE +AGE .*OWNER.*\n` + id + ` +finished +\d+s +create +` + company + ` +3 +3 +0 `)
		if got.code != 0 || !want.MatchString(got.stdout) {
			t.Errorf("the list is %+v", got)
		}
		if got := command(t, "uploads", "--url", s.URL, "--company", another); got.code != 0 || strings.Contains(got.stdout, id) {
			t.Errorf("another company's list is %+v", got)
		}
		if got := command(t, "uploads", "--url", "http://127.0.0.1:1"); got.code != 2 {
			t.Errorf("of no server it is %+v", got)
		}
	})
}

// TestTailCommand prints events as JSON lines, decoded by their schema.
func TestTailCommand(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		r := s.create(manyRows(25))
		s.snapshot()
		for topic, check := range map[string]func(value map[string]any) bool{
			"customer.updates": func(v map[string]any) bool { return v["uploadId"] == r.uploadID },
			"bulk.results":     func(v map[string]any) bool { return v["uploadId"] == r.uploadID },
			"customer.changes": func(v map[string]any) bool { return v["uploadId"] == r.uploadID && v["operation"] == "CREATED" },
			"bulk.responses": func(v map[string]any) bool {
				payload, _ := v["payload"].(map[string]any)
				return v["uploadId"] == r.uploadID && payload["total_count"] == 25.0
			},
		} {
			n := total(s.ends(topic))
			got := command(t, "tail", topic, "--from-start", "--count", fmt.Sprint(n), "--kafka", s.Kafka)
			printed, found := strings.Split(strings.TrimSpace(got.stdout), "\n"), 0
			for _, line := range printed {
				var e struct {
					Partition, Offset *int64
					Key               *string
					Value             map[string]any
				}
				if err := json.Unmarshal([]byte(line), &e); err != nil || e.Partition == nil || e.Offset == nil || e.Key == nil {
					t.Fatalf("%s: a line is %q (%v)", topic, line, err)
				}
				if check(e.Value) {
					found++
				}
			}
			if got.code != 0 || int64(len(printed)) != n || found == 0 {
				t.Errorf("%s: of %d events %d were printed and %d are of the upload: %s", topic, n, len(printed), found, got.stderr)
			}
		}
		if got := command(t, "tail", "customer.changes", "--from-start", "--count", "7", "--kafka", s.Kafka); strings.Count(got.stdout, "\n") != 7 {
			t.Errorf("with --count 7 it printed %q", got.stdout)
		}
		if got := command(t, "tail", "no.such.topic", "--from-start", "--count", "1", "--kafka", s.Kafka); got.code == 0 || got.stderr == "" {
			t.Errorf("a topic that there is not ended with %+v", got)
		}
	})
}

// TestMigrateCanBeRepeated makes topics and tables that a server then finds.
func TestMigrateCanBeRepeated(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		dir := t.TempDir()
		all := b.flags(t, dir)
		var known []string // migrate knows
		for i := 0; i+1 < len(all); i += 2 {
			if all[i] != "--kafka-listen" && all[i] != "--files" {
				known = append(known, all[i], all[i+1])
			}
		}
		for range 2 {
			if got := command(t, append([]string{"migrate"}, known...)...); got.code != 0 {
				t.Fatalf("migrate ended with %+v", got)
			}
		}
		b.flags = func(*testing.T, string) []string { return all }
		start(t, b).create(manyRows(1))
	})
}

// TestConfigCheckReportsAllMistakes of file, environment and flags at once.
func TestConfigCheckReportsAllMistakes(t *testing.T) {
	file := write(t, "sluice.yaml", "wait: 2h\nkafka-lisen: 127.0.0.1:1\n")
	got := command(t, "config", "check", "--config", file, "--http", "0.0.0.0:80", "--max-rows", "none")
	for _, want := range []string{"wait", "did you mean kafka-listen", "loopback", `"none" is not a whole number`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("config check does not say %q:\n%s", want, got.stdout)
		}
	}
	if n := strings.Count(got.stdout, "\n"); got.code != 2 || n != 4 {
		t.Errorf("4 mistakes are reported in %d lines with code %d", n, got.code)
	}
	if got := command(t, "config", "check"); got.code != 0 || !strings.Contains(got.stdout, "valid") {
		t.Errorf("the default configuration: %+v", got)
	}
}

// TestVersionAndHelp print what they are asked for.
func TestVersionAndHelp(t *testing.T) {
	if got := command(t, "version"); got.code != 0 || !regexp.MustCompile(`^sluice \S+.* go1\.\d+.* \w+/\w+\n$`).MatchString(got.stdout) {
		t.Errorf("version: %+v", got)
	}
	if got := command(t, "--help"); got.code != 0 || !strings.Contains(got.stdout, "serve") {
		t.Errorf("help: %+v", got)
	}
	if got := command(t, "nonsense"); got.code != 2 || !strings.Contains(got.stderr, "unknown command") {
		t.Errorf("an unknown command: %+v", got)
	}
}
