package history_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/event"
	"sluice/internal/sqlite"
)

func TestProbe(t *testing.T) {
	dir, _ := os.MkdirTemp("/dev/shm", "probe")
	defer os.RemoveAll(dir)
	codec := event.NewCodec(event.DefaultIDs())
	path := filepath.Join(dir, "a.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Codec: codec, Now: time.Now, Logger: slog.Default()})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	at := time.Now()
	s := open()
	t.Log("first open", time.Since(at))
	at = time.Now()
	s.Close()
	t.Log("close", time.Since(at))
	for range 3 {
		at = time.Now()
		s = open()
		t.Log("open", time.Since(at))
		at = time.Now()
		s.Close()
		t.Log("close", time.Since(at))
	}
	at = time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := open()
		defer s.Close()
		v := time.Now()
		for i := range 100 {
			err := s.Restart(t.Context(), bulk.Source{Cluster: "a", Topic: "b"}, int64(i-1), int64(i))
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			if _, _, err := s.Progress(t.Context(), bulk.Source{Cluster: "a", Topic: "b"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Second)
		t.Log("virtual", time.Since(v))
	})
	t.Log("bubble", time.Since(at))
}
