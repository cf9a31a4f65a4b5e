package cli

import (
	"net/http"
	"sync/atomic"
)

// switched is a handler whose place is taken by another while it serves: first
// the one that says that the process is starting, then the API.
type switched struct {
	now atomic.Pointer[http.Handler]
}

// open makes h the handler from now on.
func (s *switched) open(h http.Handler) { s.now.Store(&h) }

// ServeHTTP implements http.Handler.
func (s *switched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.now.Load()).ServeHTTP(w, r)
}
