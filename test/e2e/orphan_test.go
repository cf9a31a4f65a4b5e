package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSpoolOfNobodyIsSweptAtAStart: a kill between storing a file and accepting it
// leaves the file, and one in the middle of storing it a temporary one (I12).
func TestSpoolOfNobodyIsSweptAtAStart(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(manyRows(2))
		before := s.snapshot(company)
		s.Stop()
		spool := filepath.Join(s.files(), "spool")
		if err := os.MkdirAll(spool, 0o750); err != nil {
			t.Fatal(err)
		}
		const id = "0192f6a4-7c1e-7d3a-9b1c-5a7d6f0e2b11"
		past := time.Now().Add(-2 * time.Hour)
		for _, name := range []string{id + ".csv", id + ".repeats", id + ".csv.185a2b3c4d5e6f70.tmp"} {
			path := filepath.Join(spool, name)
			if err := os.WriteFile(path, []byte(goodFile), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, past, past); err != nil {
				t.Fatal(err)
			}
		}
		s.Start()
		if changes := before.diff(s.snapshot(company)); len(changes) > 0 {
			t.Errorf("after the start: %s", strings.Join(changes, "\n"))
		}
	})
}
