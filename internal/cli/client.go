package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	apiPath = "/api/v0/customer/bulk"
	// maxAnswerBytes bounds a JSON answer: a response is at most some 600 KB.
	maxAnswerBytes = 16 << 20
	// headerTimeout is how long the server may be silent after a request was sent;
	// it waits for an upload's final response at most 60 s.
	headerTimeout = 2 * time.Minute
	dialTimeout   = 15 * time.Second
	maxRetryAfter = time.Minute
	firstBackOff  = 500 * time.Millisecond
	maxBackOff    = 20 * time.Second
)

// client talks to a server's public API.
type client struct {
	base    *url.URL
	http    *http.Client
	retries uint
	// backOff is the first pause between attempts; it grows.
	backOff time.Duration
	// onRetry is told why and for how long it pauses.
	onRetry func(cause error, pause time.Duration)
}

// newClient returns a client and what releases its connections.
func newClient(base string, retries uint, onRetry func(error, time.Duration)) (*client, func(), error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, nil, fmt.Errorf("--url %q is not http://host or https://host", base)
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   dialTimeout,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: headerTimeout,
	}
	c := &client{base: u, http: &http.Client{Transport: transport}, retries: retries, backOff: firstBackOff, onRetry: onRetry}
	return c, transport.CloseIdleConnections, nil
}

// answer is an envelope that came with its status and headers.
type answer struct {
	status  int
	header  http.Header
	payload json.RawMessage // the bytes as sent; null with a refusal
	refusal *refusal
}

type envelope struct {
	Payload json.RawMessage `json:"payload"`
	Refusal *refusal        `json:"errorResponse"`
}

// refusal is the server's no, in its own words.
type refusal struct {
	Status       string     `json:"-"`
	ErrorType    string     `json:"errorType"`
	ErrorMessage string     `json:"errorMessage"`
	RequestID    string     `json:"requestId"`
	SubErrors    []subError `json:"apiSubErrors"`
}

type subError struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Row     *int64 `json:"row"`
}

// Error puts the message and each detail on a line.
func (r *refusal) Error() string {
	lines := []string{fmt.Sprintf("refused: %s %s: %s", r.Status, r.ErrorType, r.ErrorMessage)}
	for _, s := range r.SubErrors {
		line := "  "
		if s.Row != nil {
			line += fmt.Sprintf("row %d ", *s.Row)
		}
		lines = append(lines, line+strings.TrimSpace(fmt.Sprintf("%s %s: %s", s.Field, s.Code, s.Message)))
	}
	if r.RequestID != "" {
		lines = append(lines, "  request id "+r.RequestID)
	}
	return strings.Join(lines, "\n")
}

// resolve makes an absolute URL of a path or URL that the server gave.
func (c *client) resolve(reference string) (string, error) {
	u, err := url.Parse(reference)
	if err != nil {
		return "", fmt.Errorf("server gave a bad link: %w", err)
	}
	return c.base.ResolveReference(u).String(), nil
}

// endpoint is the URL of an API path below the base URL's own path.
func (c *client) endpoint(path string, query url.Values) string {
	u := *c.base
	u.Path += path
	u.RawQuery = query.Encode()
	return u.String()
}

// get fetches and decodes an API resource, trying again as call does.
func (c *client) get(ctx context.Context, address string) (*answer, error) {
	return c.call(ctx, func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	}, true)
}

// call sends what newRequest makes until an answer comes that another attempt
// would not better: network trouble, 429, 502, 503 and 504 are tried again. With
// isKnown unset, a server that cannot even be dialled at first is not waited for.
// A refusal is its error.
func (c *client) call(ctx context.Context, newRequest func() (*http.Request, error), isKnown bool) (*answer, error) {
	attempt := func() (*answer, error) {
		request, err := newRequest()
		if err != nil {
			return nil, backoff.Permanent(err)
		}
		response, err := c.do(request, isKnown)
		isKnown = true
		if err != nil {
			return nil, err
		}
		return readAnswer(response)
	}
	return retry(ctx, c, attempt)
}

func retry[T any](ctx context.Context, c *client, attempt func() (T, error)) (T, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = c.backOff, maxBackOff
	result, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses), backoff.WithMaxTries(c.retries+1),
		backoff.WithMaxElapsedTime(0), backoff.WithNotify(c.onRetry))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	return result, err
}

// do sends one request. An answer worth another attempt is an error; so is a
// connection that broke.
func (c *client) do(request *http.Request, isKnown bool) (*http.Response, error) {
	response, err := c.http.Do(request)
	if err != nil {
		err = fmt.Errorf("cannot reach %s: %w", c.base, unwrapURL(err))
		if request.Context().Err() != nil || !isKnown && errors.Is(err, syscall.ECONNREFUSED) {
			return nil, backoff.Permanent(err)
		}
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		_, err := readAnswer(response)
		return nil, waitAsTold(err, response.Header.Get("Retry-After"))
	default:
		return response, nil
	}
}

// unwrapURL takes off the method and URL that net/http puts before a cause.
func unwrapURL(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}

// waitAsTold makes the next attempt wait as long as Retry-After says, within
// reason. The refusal stays findable below it.
func waitAsTold(cause error, retryAfter string) error {
	pause, ok := parseRetryAfter(retryAfter, time.Now())
	if !ok {
		return errors.Unwrap(cause) // of its "permanent" mark
	}
	return &toldToWait{cause: errors.Unwrap(cause), pause: &backoff.RetryAfterError{Duration: min(pause, maxRetryAfter)}}
}

type toldToWait struct {
	cause error
	pause *backoff.RetryAfterError
}

func (e *toldToWait) Error() string   { return e.cause.Error() }
func (e *toldToWait) Unwrap() []error { return []error{e.cause, e.pause} }

func parseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// readAnswer decodes and closes a response. A refusal is a permanent error.
func readAnswer(response *http.Response) (*answer, error) {
	defer response.Body.Close() //nolint:errcheck // read to its end or given up
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	var e envelope
	isJSON := json.Unmarshal(body, &e) == nil
	a := &answer{status: response.StatusCode, header: response.Header, payload: e.Payload, refusal: e.Refusal}
	switch {
	case isJSON && e.Refusal != nil:
		e.Refusal.Status = response.Status
		return nil, backoff.Permanent(e.Refusal)
	case isJSON && response.StatusCode < http.StatusMultipleChoices && len(e.Payload) > 0:
		return a, nil
	default:
		return nil, backoff.Permanent(fmt.Errorf("unexpected answer %s: is %s a sluice server?", response.Status, response.Request.URL.Redacted()))
	}
}
