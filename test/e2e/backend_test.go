package e2e_test

import (
	"path/filepath"
	"testing"
)

// backend is what a server stands on.
type backend struct {
	name string
	// flags makes what one test's server needs and returns the flags that name it.
	// dir is the test's own folder.
	flags func(t *testing.T, dir string) []string
	kafka string // of a cluster; empty: the embedded broker's, which the server prints
}

func embedded() backend {
	return backend{name: "embedded", flags: func(_ *testing.T, dir string) []string {
		return []string{"--data", filepath.Join(dir, "data"), "--kafka-listen", "127.0.0.1:0"}
	}}
}

// onEach runs a test on every back end. Tests on servers share topics and
// consumer groups, so none of them may be parallel.
func onEach(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	for _, b := range append([]backend{embedded()}, suite.backends()...) {
		t.Run(b.name, func(t *testing.T) { test(t, b) })
	}
}
