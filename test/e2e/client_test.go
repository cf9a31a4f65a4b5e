package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// callTimeout is above the longest wait a call may ask for.
const callTimeout = 100 * time.Second

// client calls a server and holds each answer against the API document.
type client struct {
	t    *testing.T
	base string
	http *http.Client
}

func newClient(t *testing.T, base string) *client {
	return &client{t: t, base: base, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	envelope
}

// envelope is what every JSON answer under /api/v0 is.
type envelope struct {
	Error   *refusalBody    `json:"errorResponse"`
	Payload json.RawMessage `json:"payload"`
	Code    int             `json:"response_code"`
	Message string          `json:"response_message"`
}

type refusalBody struct {
	SubErrors []struct {
		Object        string  `json:"object"`
		Field         *string `json:"field"`
		RejectedValue *string `json:"rejectedValue"`
		Code          string  `json:"code"`
		Message       string  `json:"message"`
		Row           *int64  `json:"row"`
	} `json:"apiSubErrors"`
	Message   string `json:"errorMessage"`
	Type      string `json:"errorType"`
	RequestID string `json:"requestId"`
	Timestamp string `json:"timestamp"`
}

// decodeJSON reads exactly one value.
func decodeJSON(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w in %.300q", err, data)
	}
	return nil
}

// call is a request that can be made more than once.
type call struct {
	method, path string
	query        url.Values
	header       http.Header
	body         func() io.Reader // nil: none
	length       int64            // of the body; -1: chunked
}

// do makes a call. Network trouble ends the test.
func (c *client) do(k call) *answer {
	c.t.Helper()
	a, err := c.try(c.t.Context(), k)
	if err != nil {
		c.t.Fatalf("%s %s: %v", k.method, k.path, err)
	}
	return a
}

// try makes a call and returns network trouble.
func (c *client) try(ctx context.Context, k call) (*answer, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	address := c.base + k.path
	if len(k.query) > 0 {
		address += "?" + k.query.Encode()
	}
	var body io.Reader
	if k.body != nil {
		body = k.body()
	}
	request, err := http.NewRequestWithContext(ctx, k.method, address, body)
	if err != nil {
		return nil, err
	}
	for name, values := range k.header {
		request.Header[name] = values
	}
	if host := k.header.Get("Host"); host != "" {
		request.Host = host
	}
	if k.length != 0 {
		request.ContentLength = k.length
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	a := &answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	c.check(request, a)
	return a, nil
}

// check holds an answer against the document and the rules of every answer.
func (c *client) check(request *http.Request, a *answer) {
	c.t.Helper()
	what := fmt.Sprintf("%s %s answered %d", request.Method, request.URL.RequestURI(), a.status)
	if a.header.Get("X-Request-Id") == "" {
		c.t.Errorf("%s without X-Request-Id", what)
	}
	if err := suite.spec.check(request, a); err != nil {
		c.t.Errorf("%s, which does not fit the API document: %v\n%.2000s", what, err, a.body)
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") || !strings.HasPrefix(request.URL.Path, "/api/v0") {
		return
	}
	if err := decodeJSON(a.body, &a.envelope); err != nil {
		c.t.Errorf("%s: %v", what, err)
		return
	}
	isSuccess := a.status < 300
	wantCode, wantMessage := 1, "Failure"
	if isSuccess {
		wantCode, wantMessage = 0, "Success"
	}
	if a.Code != wantCode || a.Message != wantMessage || isSuccess != (a.Error == nil) || isSuccess == (string(a.Payload) == "null") {
		c.t.Errorf("%s with response_code %d %q, errorResponse %v: want %d %q and one of errorResponse and payload null",
			what, a.Code, a.Message, a.Error, wantCode, wantMessage)
	}
	if a.Error != nil && a.Error.RequestID != a.header.Get("X-Request-Id") {
		c.t.Errorf("%s: requestId is %q and X-Request-Id %q", what, a.Error.RequestID, a.header.Get("X-Request-Id"))
	}
}

// get fetches an address of the server: a path, or a URL that it gave.
func (c *client) get(address string, header ...string) *answer {
	c.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.do(call{method: http.MethodGet, path: u.EscapedPath(), query: u.Query(), header: headers(header...)})
}

// postJSON sends a JSON body.
func (c *client) postJSON(path, body string) *answer {
	c.t.Helper()
	return c.do(call{method: http.MethodPost, path: path, header: headers("Content-Type", "application/json"), body: text(body)})
}

// headers takes names and values in turn.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func text(body string) func() io.Reader {
	return func() io.Reader { return bytes.NewReader([]byte(body)) }
}

// payload decodes the payload of a success.
func (a *answer) payload(t *testing.T, v any) {
	t.Helper()
	if a.Error != nil {
		t.Fatalf("refused with %d %s: %s %+v", a.status, a.Error.Type, a.Error.Message, a.Error.SubErrors)
	}
	if err := decodeJSON(a.Payload, v); err != nil {
		t.Fatal(err)
	}
}

// want ends the test unless the answer has the status.
func (a *answer) want(t *testing.T, status int) *answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("answered %d, want %d: %.1000s", a.status, status, a.body)
	}
	return a
}
