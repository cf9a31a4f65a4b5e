//go:build servers

package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

const callTimeout = 100 * time.Second

// api calls one server over HTTP.
type api struct {
	t    *testing.T
	base string // http://host:port
	http http.Client
}

func (a *api) close() { a.http.CloseIdleConnections() }

// answer is what came back, read to its end.
type answer struct {
	status  int
	header  http.Header
	payload json.RawMessage // of an envelope
	body    []byte
}

// call makes a request; anything but a success ends the test.
func (a *api) call(method, path, contentType string, body []byte, header ...string) *answer {
	a.t.Helper()
	got, err := a.try(method, path, contentType, body, header...)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// try makes a request and returns trouble and refusals. header takes names and
// values in turn.
func (a *api) try(method, path, contentType string, body []byte, header ...string) (*answer, error) {
	// Not the test's context: a series may end with its test.
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	got := &answer{status: response.StatusCode, header: response.Header}
	if got.body, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("answered %d: %.500s", response.StatusCode, got.body)
	}
	if strings.HasPrefix(path, "/api/") && strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		var envelope struct{ Payload json.RawMessage }
		if err := json.Unmarshal(got.body, &envelope); err != nil {
			return nil, fmt.Errorf("reading %.500q: %w", got.body, err)
		}
		got.payload = envelope.Payload
	}
	return got, nil
}

// read decodes the payload of a GET.
func (a *api) read(path string, into any) {
	a.t.Helper()
	got := a.call(http.MethodGet, path, "", nil)
	if err := json.Unmarshal(got.payload, into); err != nil {
		a.t.Fatalf("GET %s: %v in %.500q", path, err, got.payload)
	}
}

// send uploads a file; header takes names and values in turn.
func (a *api) send(f file, header ...string) (*answer, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", f.name)
	if err == nil {
		_, err = part.Write(f.content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return nil, err
	}
	path := "/api/v0/customer/bulk/update?parentCompanyId=" + f.company
	if f.isCreate {
		path = "/api/v0/customer/bulk?companyId=" + f.company
	}
	return a.try(http.MethodPost, path, form.FormDataContentType(), body.Bytes(), header...)
}

// counters are those of the status resource.
type counters struct{ Total, Applied, Unchanged, Failed, Unprocessed, Warned int64 }

// done is the number of rows that have a result.
func (c counters) done() int64 { return c.Applied + c.Unchanged + c.Failed + c.Unprocessed }

// status is the status resource.
type status struct {
	Upload struct {
		UploadID  string `json:"uploadId"`
		State     string
		CompanyID string `json:"companyId"`
		Counters  counters
		Links     struct{ Success, Failure *string }
	}
	Response json.RawMessage
}

func (a *api) status(uploadID string) status {
	a.t.Helper()
	var s status
	a.read("/api/v0/customer/bulk/uploads/"+uploadID, &s)
	return s
}

// awaitState asks until the upload passes a condition.
func (a *api) awaitState(uploadID, what string, within time.Duration, is func(status) bool) status {
	a.t.Helper()
	var last status
	eventually(a.t, within, 5*time.Millisecond, func() error {
		if last = a.status(uploadID); is(last) {
			return nil
		}
		return fmt.Errorf("upload %s is not %s: %+v", uploadID, what, last.Upload)
	})
	return last
}

func (a *api) awaitFinished(uploadID string, within time.Duration) status {
	a.t.Helper()
	return a.awaitState(uploadID, "finished", within, func(s status) bool { return s.Upload.State == "finished" })
}

// customers reads all customers of a company by searching, as JSON.
func (a *api) customers(company string) map[string]any {
	a.t.Helper()
	all := map[string]any{}
	search := map[string]any{"companyId": company, "limit": 100}
	for {
		body, err := json.Marshal(search)
		if err != nil {
			a.t.Fatal(err)
		}
		got := a.call(http.MethodPost, "/api/v0/customer/search", "application/json", body)
		var page struct {
			Customers []map[string]any
			Next      *string
		}
		if err := json.Unmarshal(got.payload, &page); err != nil {
			a.t.Fatalf("reading a page of customers: %v", err)
		}
		for _, c := range page.Customers {
			id, _ := c["customerId"].(string)
			all[id] = c
		}
		if page.Next == nil {
			return all
		}
		search["cursor"] = *page.Next
	}
}

// eventually tries until there is no error.
func eventually(t *testing.T, within, every time.Duration, try func() error) {
	t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %v", within, err)
		}
	}
}
