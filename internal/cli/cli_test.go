package cli_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a command and returns its exit code and output.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return runContext(t.Context(), args...)
}

func runContext(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	err := cli.Run(ctx, args, strings.NewReader(""), &out, &errOut)
	return cli.ExitCode(err), out.String(), errOut.String()
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{{nil, 0}, {errors.New("x"), 1}, {&cli.ExitError{Code: 2}, 2}} {
		if got := cli.ExitCode(test.err); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
}

func TestMistakenCommandLinesAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ args, want string }{
		"unknown_command":        {"serv", `unknown command "serv"`},
		"unknown_flag":           {"serve --no-such", "unknown flag: --no-such"},
		"argument_too_many":      {"version 1", "usage: sluice version"},
		"argument_missing":       {"upload", "usage: sluice upload FILE"},
		"company_missing":        {"upload x.csv", "--company is missing"},
		"file_missing":           {"upload /no/such.csv --company CEKDEMO001", "no such file"},
		"folder_for_file":        {"upload . --company CEKDEMO001", "not a regular file"},
		"bad_url":                {"upload x.csv --company CEKDEMO001 --url localhost:8080", "--url"},
		"bad_serve_setting":      {"serve --http 0.0.0.0:80", "--http: http: \"0.0.0.0:80\" is not a loopback address"},
		"bad_tail_count":         {"tail customer.changes --count -1", "--count is negative"},
		"bad_uploads_limit":      {"uploads --limit 0", "--limit is not positive"},
		"uploads_without_server": {"uploads --url http://127.0.0.1:1", "cannot reach http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(test.args)...)
			if code != 2 || !strings.Contains(stderr, test.want) || stdout != "" {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func TestHelpNamesTheCommandsAndNotTheProbe(t *testing.T) {
	code, stdout, _ := run(t)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, name := range []string{"serve", "upload", "uploads", "tail", "migrate", "config", "version"} {
		if !strings.Contains(stdout, "\n  "+name+" ") {
			t.Errorf("%s is not in the help", name)
		}
	}
	if strings.Contains(stdout, "probe") {
		t.Error("probe is in the help")
	}
}

func TestVersion(t *testing.T) {
	code, stdout, _ := run(t, "version")
	if code != 0 || !strings.HasPrefix(stdout, "sluice ") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("exit %d, %q", code, stdout)
	}
}

func TestConfigCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(path, []byte("htpp: x\nrole: apply\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "config", "check", "--config", path)
	if code != 2 || strings.Count(stdout, "\n") != 4 || !strings.Contains(stdout, path+":1: htpp: unknown setting") || stderr != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	code, stdout, stderr = run(t, "config", "check", "--show", "--database", "postgres://u:hunter2@db/x")
	if code != 0 || !strings.HasSuffix(stdout, "configuration is valid\n") || strings.Contains(stdout, "hunter2") || stderr != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestProbe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	for path, want := range map[string]int{"/readyz": 0, "/other": 1} {
		if code, _, stderr := run(t, "probe", server.URL+path); code != want {
			t.Errorf("%s: exit %d, %q", path, code, stderr)
		}
	}
}
