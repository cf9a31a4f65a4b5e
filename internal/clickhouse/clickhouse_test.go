package clickhouse_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/clickhouse"
)

func TestOpen(t *testing.T) {
	for name, url := range map[string]string{
		"no_host":          "clickhouse:///sluice",
		"another_protocol": "http://127.0.0.1:8123/sluice",
		"bad_parameter":    "clickhouse://127.0.0.1:9000/sluice?dial_timeout=soon",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := clickhouse.Open(clickhouse.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				t.Fatal("opened", s.Close())
			}
		})
	}
}

func TestPasswordIsInNoError(t *testing.T) {
	// Port 1 answers nobody.
	for _, url := range []string{"clickhouse://u:secret@127.0.0.1:1/x", "clickhouse://u:secret@127.0.0.1:1/x?dial_timeout=soon", "clickhouse://u:secret@127.0.0.1:port/x"} {
		s, err := clickhouse.Open(clickhouse.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			err = s.InsertChanges(t.Context(), "a", []bulk.AnalyticsChange{{}})
			if closeErr := s.Close(); closeErr != nil {
				t.Error(closeErr)
			}
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}

func TestPrepareEndsWithItsContext(t *testing.T) {
	s, err := clickhouse.Open(clickhouse.Options{URL: "clickhouse://127.0.0.1:1/x", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Prepare(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
