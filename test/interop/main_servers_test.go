//go:build servers

package interop_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the sluice under test. TestMain sets it and nothing changes it after.
var binary string

// TestMain builds the binary once. Plain `go build` shares the build cache with
// the tests of the packages.
func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // TestMain has no other way to report
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "sluice-interop-*")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary = filepath.Join(dir, "sluice")
	build := exec.Command("go", "build", "-o", binary, "../..") //nolint:noctx // go test's own deadline ends it
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return m.Run(), nil
}
