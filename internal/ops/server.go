package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Handle adds /healthz, /readyz and /metrics to mux. /healthz answers ok as long
// as the process can answer at all; restarting it would not mend what /readyz
// complains about. Profiles are not served.
func Handle(mux *http.ServeMux, readiness *Readiness, metrics prometheus.Gatherer) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n") // the prober went away
	})
	mux.Handle("GET /readyz", readiness)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
}

// Timeouts of a server. There is none on a whole request or answer: a file of
// 2 GB and an event stream take as long as they take. See StallTimeout.
type Timeouts struct {
	ReadHeader time.Duration // default 10 s
	Idle       time.Duration // between requests of a connection; default 2 min
	// Shutdown is how long requests under way may go on once the context ends;
	// what is left then is cut off. Default 30 s.
	Shutdown time.Duration
}

func (t Timeouts) orDefault() Timeouts {
	or := func(d *time.Duration, preset time.Duration) {
		if *d <= 0 {
			*d = preset
		}
	}
	or(&t.ReadHeader, 10*time.Second)
	or(&t.Idle, 2*time.Minute)
	or(&t.Shutdown, 30*time.Second)
	return t
}

// Serve answers on listener until ctx ends, then takes no more connections and
// lets the requests under way finish. It closes the listener and returns nil
// after a drain, also one that had to cut requests off.
//
// Requests do not see ctx end: their own contexts end with the client or the
// cut-off. Handlers that wait long should watch a context of their caller's.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, timeouts Timeouts, logger *slog.Logger) error {
	timeouts = timeouts.orDefault()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: timeouts.ReadHeader,
		IdleTimeout:       timeouts.Idle,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug), // clients' broken connections
	}
	served, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	group.Go(func() error {
		defer stop() // also when it fails at once
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-served.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeouts.Shutdown)
		defer cancel()
		err := server.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			logger.WarnContext(ctx, "requests cut off at shutdown", "after", timeouts.Shutdown)
			err = server.Close()
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("shut HTTP down: %w", err)
		}
		return nil
	})
	return group.Wait()
}
