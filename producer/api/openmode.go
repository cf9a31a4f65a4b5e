package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"sluice/producer/api/openapi"
)

// OpenMode protects a server without access control: it answers only requests
// that name this machine in their Host header and do not come from a page of
// another site. A foreign Host is how a page would reach us by a name of its own
// (DNS rebinding).
func OpenMode(next http.Handler, publicURL string, requestID func(context.Context) string, log *slog.Logger) http.Handler {
	s := &server{Options: Options{Now: time.Now, RequestID: requestID, Logger: log}}
	public := ""
	if u, err := url.Parse(publicURL); err == nil {
		public = u.Hostname()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostName(r.Host)
		switch {
		case !isLoopback(host) && (public == "" || !strings.EqualFold(host, public)):
			s.fail(w, r, denied("this server runs without access control and answers on its own machine only: use a loopback address"))
		case isCrossSite(r):
			s.fail(w, r, denied("this server runs without access control and answers no pages of other sites"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func denied(message string) *callError {
	return &callError{status: http.StatusForbidden, kind: openapi.INVALIDACCESS, message: message}
}

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// isCrossSite reports whether a browser says that another site's page asks (Fetch
// Metadata), or the page's origin is not ours (RFC 6454).
func isCrossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// Starting answers every call with 503 while the process opens its parts.
func Starting(requestID func(context.Context) string, log *slog.Logger) http.Handler {
	s := &server{Options: Options{Now: time.Now, RequestID: requestID, Logger: log}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &callError{
			status: http.StatusServiceUnavailable, kind: openapi.SYSTEMERROR, retry: retrySeconds,
			message: "the service is starting; nothing was accepted: try again in a moment",
		})
	})
}
