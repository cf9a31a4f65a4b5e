package ops

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// RequestIDHeader carries a request's id both ways.
const RequestIDHeader = "X-Request-Id"

// maxRequestIDBytes bounds what a caller may put into our logs.
const maxRequestIDBytes = 128

// RequestIDs gives every request an id: the caller's X-Request-Id if it is 1 to
// 128 letters, digits and ._:-, else a new one. It stands in the answer's
// X-Request-Id header before next runs, and in the context for logs.
func RequestIDs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(RequestIDHeader)
		if !isRequestID(id) {
			id = uuid.NewString()
		}
		w.Header().Set(RequestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(WithRequestID(r.Context(), id)))
	})
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestIDBytes {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.' || c == '_' || c == ':' || c == '-':
		default:
			return false
		}
	}
	return true
}

// StallTimeout ends requests whose body brings nothing for the given time, so
// that silent clients hold no files and connections. A slow but steady body may
// take any time.
func StallTimeout(stall time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &stallBody{ReadCloser: r.Body, control: http.NewResponseController(w), stall: stall}
		r.Body = body
		next.ServeHTTP(w, r)
		if !body.isRead {
			// The server reads on for a while after an early answer.
			_ = body.setDeadline(time.Now().Add(stall))
		}
	})
}

type stallBody struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	isRead  bool
}

// Read sets the deadline anew and takes it off at the end: one that stayed would
// cut the connection, and the request's context, while the answer is awaited.
// After any other error it stays, since the server tries to read the rest.
func (b *stallBody) Read(p []byte) (int, error) {
	if err := b.setDeadline(time.Now().Add(b.stall)); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.isRead = true
		if err := b.setDeadline(time.Time{}); err != nil {
			return n, err
		}
	}
	return n, err
}

func (b *stallBody) setDeadline(t time.Time) error {
	err := b.control.SetReadDeadline(t)
	if errors.Is(err, http.ErrNotSupported) {
		return nil // a recorder in a test
	}
	return err
}
