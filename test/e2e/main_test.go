package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// suite is what all tests share. TestMain fills it in and nothing changes it after.
var suite struct {
	binary string // the sluice under test
	spec   *spec
	servers
}

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
	dir, err := os.MkdirTemp("", "sluice-e2e-*")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	suite.binary = filepath.Join(dir, "sluice")
	build := exec.Command("go", "build", "-o", suite.binary, "../..") //nolint:noctx // go test's own deadline ends it
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	if suite.spec, err = loadSpec("../../schemas/openapi.yaml"); err != nil {
		return 1, err
	}
	stop, err := suite.start()
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return m.Run(), nil
}
