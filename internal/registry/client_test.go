package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a registry and a client of it, below a base path as Apicurio's.
func serve(t *testing.T, h http.Handler) *registry.Client {
	t.Helper()
	s := httptest.NewServer(http.StripPrefix("/apis/ccompat/v7", h))
	t.Cleanup(s.Close)
	return &registry.Client{URL: s.URL + "/apis/ccompat/v7/", HTTP: s.Client()}
}

func TestRegisterSendsTheSchemaAndReturnsItsID(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent map[string]string
		err := json.NewDecoder(r.Body).Decode(&sent)
		if err != nil || r.Method != http.MethodPost || r.URL.EscapedPath() != "/subjects/a%2Fb/versions" ||
			r.Header.Get("Content-Type") != registry.ContentType || sent["schema"] != firstText {
			t.Errorf("got %s %s %v, %v", r.Method, r.URL, sent, err)
		}
		_, _ = io.WriteString(w, `{"id":41}`)
	}))
	id, err := c.Register(t.Context(), "a/b", firstText)
	if err != nil || id != 41 {
		t.Fatalf("registered as %d, %v", id, err)
	}
}

func TestClientReadsFromTheHandler(t *testing.T) {
	c := serve(t, handler())
	text, err := c.Schema(t.Context(), 7)
	if err != nil || text != secondText {
		t.Fatalf("schema 7 is %s, %v", text, err)
	}
	if _, err := c.Schema(t.Context(), 8); !errors.Is(err, registry.ErrNotFound) {
		t.Fatalf("schema 8: %v", err)
	}
	if _, err := c.Register(t.Context(), "a/b", otherText); err == nil || errors.Is(err, registry.ErrRefused) {
		t.Fatalf("registering with a registry that only reads: %v", err)
	}
}

func TestClientTellsRefusalsFromTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   error // nil: neither refused nor not found
		says   string
	}{
		"incompatible":      {409, `{"error_code":409,"message":"incompatible"}`, registry.ErrRefused, "incompatible"},
		"invalid_schema":    {422, `{"error_code":42201,"message":"invalid"}`, registry.ErrRefused, "42201"},
		"no_such_path":      {404, `<html>`, registry.ErrNotFound, "no JSON"},
		"registry_down":     {503, `{"error_code":50003,"message":"no leader"}`, nil, "no leader"},
		"unauthorized":      {401, ``, nil, "401"},
		"answer_is_no_json": {200, `<html>`, nil, "decode answer"},
		"answer_has_no_id":  {200, `{}`, nil, "no id"},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = fmt.Fprint(w, c.body)
			}))
			_, err := client.Register(t.Context(), "s", firstText)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want it to say %q", err, c.says)
			}
			for _, kind := range []error{registry.ErrRefused, registry.ErrNotFound} {
				if errors.Is(err, kind) != errors.Is(kind, c.want) {
					t.Fatalf("%v is %v: %v", err, kind, errors.Is(err, kind))
				}
			}
		})
	}
}

func TestClientSendsThePasswordAndNeverNamesIt(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "sluice" || password != "secret" {
			t.Errorf("got %s:%s", user, password)
		}
		_, _ = io.WriteString(w, `{"id":1}`)
	}))
	c.URL = strings.Replace(c.URL, "://", "://sluice:secret@", 1)
	if _, err := c.Register(t.Context(), "s", firstText); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Schema(ctx, 1); err == nil || strings.Contains(err.Error(), "secret") {
		t.Fatalf("got %v", err)
	}
}
