package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/bulk"
	"sluice/producer/api/openapi"
)

// Options say what the HTTP side stands on.
type Options struct {
	Intake    bulk.Intake
	Store     bulk.ReadStore
	Files     bulk.Files
	Signer    *bulk.FileSigner
	Hub       *Hub
	Now       func() time.Time
	RequestID func(ctx context.Context) string
	Wait      time.Duration   // for the end of an upload, unless the call says otherwise
	Stopping  <-chan struct{} // closed when the process drains: waits end early
	PublicURL string          // before the paths in links; empty: paths alone
	Uploads   int             // files taken in at once; 0: 64
	Logger    *slog.Logger
	Registry  prometheus.Registerer
	Document  []byte // the OpenAPI document, YAML
}

// defaultUploads bounds what the files being taken in hold in memory together.
const defaultUploads = 64

// server implements openapi.ServerInterface.
type server struct {
	Options
	slots    chan struct{} // one token for each file being taken in
	document []byte
	requests *prometheus.CounterVec
}

// New adds the HTTP side to mux.
func New(o Options, mux *http.ServeMux) error {
	document, err := openapi.JSON(o.Document)
	if err != nil {
		return err
	}
	if o.Uploads == 0 {
		o.Uploads = defaultUploads
	}
	s := &server{Options: o, slots: make(chan struct{}, o.Uploads), document: document}
	s.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sluice_producer_requests_total", Help: "Calls answered, by status.",
	}, []string{"status"})
	o.Registry.MustRegister(s.requests)
	routes := http.NewServeMux()
	openapi.HandlerWithOptions(s, openapi.StdHTTPServerOptions{
		BaseRouter: routes,
		ErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			s.fail(w, r, badParameter(err))
		},
	})
	routes.HandleFunc("/api/v0/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, notFound("there is no call "+r.Method+" "+r.URL.Path+": see /openapi.json"))
	})
	mux.Handle("/api/v0/", s.guard(routes))
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.document) // the client may be gone
	})
	return nil
}

// guard counts answers and turns a bug into a 500 that names no internals.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &counted{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if v := recover(); v != nil {
				s.Logger.ErrorContext(r.Context(), "a call met a bug", "panic", v, "stack", string(debug.Stack()))
				s.fail(c, r, errors.New("panic"))
			}
			s.requests.WithLabelValues(statusClass(c.status)).Inc()
		}()
		if err := checkQuery(r); err != nil {
			s.fail(c, r, err)
			return
		}
		next.ServeHTTP(c, r)
	})
}

// counted remembers the status of an answer.
type counted struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func statusClass(status int) string {
	return string(rune('0'+status/100)) + "xx"
}
