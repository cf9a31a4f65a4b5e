package cli_test

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	allGood = `{"total_count":2,"success_count":2,"failure_count":0,"warn_count":1,"failure_count_second_file":0,"total_amount":12.50,` +
		`"successRequests":[],"failureRequests":[],"success_file_name":"s","success_file_url":"/files/s","failure_file_name":null,"failure_file_url":null}`
	someFailed = `{"total_count":30,"success_count":17,"failure_count":12,"warn_count":0,"failure_count_second_file":0,"total_amount":0,` +
		`"successRequests":[],"failureRequests":[{"row":3,"line":4,"status":"failed","errors":[` +
		`{"field":"ifsc","rejectedValue":"SB\u001bIN","code":"INVALID_FORMAT","message":"want 4 letters, 0, 6 characters"},` +
		`{"field":"pinCode","rejectedValue":"56001","code":"SPREADSHEET_DAMAGE","message":"5 digits"}]}],` +
		`"success_file_name":"s","success_file_url":"/files/s","failure_file_name":"f","failure_file_url":"/files/f?sig=1"}`
)

func envelope(payload string) string {
	return `{"errorResponse":null,"payload":` + payload + `,"response_code":0,"response_message":"Success"}`
}

func refusal(errorType, message string) string {
	return `{"errorResponse":{"errorType":"` + errorType + `","errorMessage":"` + message + `","requestId":"r-1","timestamp":"2026-01-01 00:00:00",` +
		`"apiSubErrors":[{"object":"file","field":"header","rejectedValue":null,"code":"REQUIRED","message":"no identity column","row":null}]},` +
		`"payload":null,"response_code":1,"response_message":"Failure"}`
}

// received is what one upload call brought.
type received struct {
	path, company, key, prefer, fileName, content string
	length                                        int64
}

// fakeServer answers the upload calls with its steps in order (the last one
// again and again) and other paths with pages.
type fakeServer struct {
	*httptest.Server
	t     *testing.T
	steps []http.HandlerFunc
	pages map[string]http.HandlerFunc

	mu    sync.Mutex
	calls []received
}

func newFakeServer(t *testing.T, steps ...http.HandlerFunc) *fakeServer {
	t.Helper()
	f := &fakeServer{t: t, steps: steps, pages: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if page, ok := f.pages[r.URL.RequestURI()]; ok {
		page(w, r)
		return
	}
	if r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	call := received{
		path: r.URL.Path, company: r.URL.Query().Get("parentCompanyId") + r.URL.Query().Get("companyId"),
		key: r.Header.Get("Idempotency-Key"), prefer: r.Header.Get("Prefer"), length: r.ContentLength,
	}
	parts, err := r.MultipartReader()
	if err != nil {
		f.t.Error(err)
		return
	}
	part, err := parts.NextPart()
	if err != nil || part.FormName() != "file" {
		f.t.Errorf("part: %v", err)
		return
	}
	content, err := io.ReadAll(part)
	if err != nil {
		f.t.Error(err)
	}
	if _, err := parts.NextPart(); err != io.EOF {
		f.t.Errorf("after the file: %v", err)
	}
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	call.fileName, call.content = params["filename"], string(content)
	f.mu.Lock()
	f.calls = append(f.calls, call)
	step := f.steps[min(len(f.calls), len(f.steps))-1]
	f.mu.Unlock()
	step(w, r)
}

func say(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp breaks the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) } //nolint:forbidigo // the way to break off

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "updates.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUploadThatSucceedsWhole(t *testing.T) {
	server := newFakeServer(t, say(200, envelope(allGood)))
	path := writeFile(t, "customerId\nKC1\n")
	failures := filepath.Join(t.TempDir(), "failed.csv")
	code, stdout, stderr := run(t, "upload", path, "--url", server.URL+"/", "--company", "CEKDEMO001", "--failures", failures)
	if code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if want := "2 rows: 2 succeeded, 0 failed; 1 with warnings\noutstanding amount of the rows that succeeded: 12.50\n"; stdout != want {
		t.Errorf("stdout %q", stdout)
	}
	if !strings.Contains(stderr, "sending updates.csv: 15 B of 15 B (100%)\n") || !strings.Contains(stderr, "no failure file") {
		t.Errorf("stderr %q", stderr)
	}
	call := server.calls[0]
	if call.path != "/api/v0/customer/bulk/update" || call.company != "CEKDEMO001" || call.fileName != "updates.csv" ||
		call.content != "customerId\nKC1\n" || call.prefer != "wait=1" || !strings.HasPrefix(call.key, "cli-") || call.length < 100 {
		t.Errorf("call %+v", call)
	}
	if _, err := os.Stat(failures); !os.IsNotExist(err) {
		t.Errorf("failure file: %v", err)
	}
}

func TestCreateGoesToItsOwnCallWithTheGivenKey(t *testing.T) {
	server := newFakeServer(t, say(200, envelope(allGood)))
	code, _, _ := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--create", "--idempotency-key", "demo")
	if call := server.calls[0]; code != 0 || call.path != "/api/v0/customer/bulk" || call.key != "demo" || call.company != "CEKDEMO001" {
		t.Errorf("exit %d, call %+v", code, call)
	}
}

func TestFailedRowsAreShownAndSaved(t *testing.T) {
	server := newFakeServer(t, say(200, envelope(someFailed)))
	server.pages["/files/f?sig=1"] = say(200, "_row,_line\n3,4\n")
	failures := filepath.Join(t.TempDir(), "failed.csv")
	code, stdout, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--failures", failures)
	if code != 1 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{
		"30 rows: 17 succeeded, 12 failed, 1 not processed\n",
		"ROW  LINE  COLUMN   VALUE", `"SB\x1bIN"`, "INVALID_FORMAT", "SPREADSHEET_DAMAGE", "5 digits\n", "and 11 more\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in %s", want, stdout)
		}
	}
	saved, err := os.ReadFile(failures)
	if err != nil || string(saved) != "_row,_line\n3,4\n" {
		t.Errorf("saved %q, %v", saved, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(failures)); err != nil || len(entries) != 1 {
		t.Errorf("beside it: %v, %v", entries, err)
	}
}

func TestFailureFileThatCannotBeHadIsAnError(t *testing.T) {
	server := newFakeServer(t, say(200, envelope(someFailed)))
	server.pages["/files/f?sig=1"] = say(404, refusal("RECORD_NOT_FOUND", "expired"))
	failures := filepath.Join(t.TempDir(), "failed.csv")
	code, _, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--failures", failures)
	if code != 2 || !strings.Contains(stderr, "save the failure file: refused: 404 Not Found RECORD_NOT_FOUND: expired") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestFailureFileOfAnOldUploadIsHadFromItsBareAddress(t *testing.T) {
	server := newFakeServer(t, say(200, envelope(someFailed), "Idempotency-Replayed", "true"))
	server.pages["/files/f?sig=1"] = say(403, refusal("INVALID_ACCESS", "the address has expired"))
	server.pages["/files/f"] = say(200, "_row\n")
	failures := filepath.Join(t.TempDir(), "failed.csv")
	code, _, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--failures", failures)
	saved, err := os.ReadFile(failures)
	if code != 1 || string(saved) != "_row\n" || err != nil {
		t.Errorf("exit %d, saved %q, %v: %s", code, saved, err, stderr)
	}
}

func TestJSONIsPrintedAsReceived(t *testing.T) {
	server := newFakeServer(t, say(200, envelope(someFailed)))
	code, stdout, _ := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--json")
	if code != 1 || stdout != someFailed+"\n" {
		t.Errorf("exit %d, stdout %s", code, stdout)
	}
}

func TestRefusalIsToldAndNotRepeated(t *testing.T) {
	server := newFakeServer(t, say(422, refusal("UNPROCESSABLE_REQUEST", "the file has no identity column")))
	code, stdout, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001")
	want := "refused: 422 Unprocessable Entity UNPROCESSABLE_REQUEST: the file has no identity column\n  header REQUIRED: no identity column\n  request id r-1\n"
	if code != 2 || stdout != "" || !strings.Contains(stderr, want) || len(server.calls) != 1 {
		t.Errorf("exit %d, %d calls, stderr %q", code, len(server.calls), stderr)
	}
}

func TestUnreachableServer(t *testing.T) {
	code, _, stderr := run(t, "upload", writeFile(t, "x"), "--url", "http://127.0.0.1:1", "--company", "CEKDEMO001")
	if code != 2 || !strings.Contains(stderr, "cannot reach http://127.0.0.1:1") || strings.Contains(stderr, "trying again") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestAnotherServerIsRecognised(t *testing.T) {
	server := newFakeServer(t, say(200, "<html>hello</html>"))
	code, _, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001")
	if code != 2 || !strings.Contains(stderr, "unexpected answer 200 OK") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestAttemptsAreRepeatedUnderTheSameKeyWithTheWholeFile(t *testing.T) {
	busy := refusal("SYSTEM_ERROR", "overloaded")
	server := newFakeServer(t,
		say(503, busy, "Retry-After", "0"), say(429, refusal("CLIENT_REQUEST_ERROR", "rate"), "Retry-After", "0"), hangUp,
		say(502, "bad gateway"), say(200, envelope(allGood)))
	content := strings.Repeat("0123456789abcdef", 150_000) // over the size that is announced first
	code, stdout, stderr := run(t, "upload", writeFile(t, content), "--url", server.URL, "--company", "CEKDEMO001")
	if code != 0 || !strings.HasPrefix(stdout, "2 rows: 2 succeeded") {
		t.Fatalf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if len(server.calls) != 5 || strings.Count(stderr, "trying again in") != 4 || !strings.Contains(stderr, "SYSTEM_ERROR: overloaded; trying again in 0s") {
		t.Errorf("%d calls, stderr %q", len(server.calls), stderr)
	}
	for i, call := range server.calls {
		if call.key != server.calls[0].key || call.content != content {
			t.Errorf("call %d: key %q, %d bytes", i, call.key, len(call.content))
		}
	}
}

func TestRepeatingEndsWithTheLastRefusal(t *testing.T) {
	server := newFakeServer(t, say(503, refusal("SYSTEM_ERROR", "overloaded"), "Retry-After", "0"))
	code, _, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--retries", "2")
	if code != 2 || len(server.calls) != 3 || !strings.Contains(stderr, "sluice: refused: 503 Service Unavailable SYSTEM_ERROR: overloaded") {
		t.Errorf("exit %d, %d calls: %s", code, len(server.calls), stderr)
	}
}

// accepting answers 202 and then the given status pages, one after another.
func accepting(t *testing.T, statuses ...http.HandlerFunc) *fakeServer {
	t.Helper()
	const location = "/api/v0/customer/bulk/uploads/u-1"
	server := newFakeServer(t, say(202, envelope(`{"total_count":30}`), "Location", location, "Bulk-Upload-Id", "u-1", "Retry-After", "1"))
	polls := 0
	server.pages[location] = func(w http.ResponseWriter, r *http.Request) {
		polls++
		statuses[min(polls, len(statuses))-1](w, r)
	}
	return server
}

func status(state string, applied int, response string) string {
	return envelope(fmt.Sprintf(`{"upload":{"uploadId":"u-1","state":%q,"counters":{"total":30,"applied":%d,"unchanged":1,"failed":12,"unprocessed":0}},"response":%s}`,
		state, applied, response))
}

func TestAcceptedUploadIsFollowedToItsResponse(t *testing.T) {
	server := accepting(t,
		say(200, status("running", 3, "null")), say(503, refusal("SYSTEM_ERROR", "restarting"), "Retry-After", "0"),
		say(200, status("finishing", 17, "null")), say(200, status("finished", 17, someFailed)))
	code, stdout, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--json")
	if code != 1 || stdout != someFailed+"\n" || !strings.Contains(stderr, "applying: 30 rows of 30 rows (100%)\n") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestWithoutWaitTheStatusURLIsPrinted(t *testing.T) {
	server := accepting(t, say(500, ""))
	want := "accepted as upload u-1\nstatus: " + server.URL + "/api/v0/customer/bulk/uploads/u-1\n"
	code, stdout, _ := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--wait=false")
	if code != 0 || stdout != want || server.calls[0].prefer != "respond-async" {
		t.Errorf("exit %d, stdout %q, prefer %q", code, stdout, server.calls[0].prefer)
	}
	code, stdout, stderr := run(t, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001", "--wait=false", "--json")
	if code != 0 || stdout != `{"total_count":30}`+"\n" || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestInterruptedFollowingSaysThatTheUploadGoesOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := accepting(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		say(200, status("running", 3, "null"))(w, r)
	})
	code, _, stderr := runContext(ctx, "upload", writeFile(t, "x"), "--url", server.URL, "--company", "CEKDEMO001")
	if code != 2 || !strings.Contains(stderr, "interrupted\nupload u-1 was accepted and goes on") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestUploadsAreListedWithStateAgeAndOwner(t *testing.T) {
	server := newFakeServer(t)
	accepted := time.Now().Add(-90 * time.Minute).UTC().Format("2006-01-02T15:04:05.000Z")
	server.pages["/api/v0/customer/bulk/uploads?limit=20&parentCompanyId=CEKDEMO001"] = say(200, envelope(`{"uploads":[`+
		`{"uploadId":"u-2","state":"running","kind":"update","companyId":"CEKDEMO001","fileName":"a.csv","owner":"host-1","acceptedAt":"`+accepted+`","finishedAt":null,`+
		`"counters":{"total":100,"applied":40,"unchanged":5,"failed":3,"unprocessed":0,"warned":0}},`+
		`{"uploadId":"u-1","state":"finished","kind":"create","companyId":"CEKDEMO001","fileName":"b.csv","acceptedAt":"2020-01-01T00:00:00.000Z",`+
		`"counters":{"total":1,"applied":1}}],"nextCursor":null}`))
	code, stdout, stderr := run(t, "uploads", "--url", server.URL, "--company", "CEKDEMO001")
	lines := strings.Split(stdout, "\n")
	if code != 0 || len(lines) != 4 {
		t.Fatalf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for i, want := range []string{"UPLOAD STATE AGE KIND COMPANY ROWS DONE FAILED OWNER FILE", "u-2 running 1h update CEKDEMO001 100 48 3 host-1 a.csv"} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("line %d: %q", i, got)
		}
	}
	if !strings.Contains(lines[2], " finished ") || !strings.Contains(lines[2], " - ") {
		t.Errorf("line 2: %q", lines[2])
	}
}
