package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// ToolsDir is the folder scripts/fetch-tools fills: SLUICE_TOOLS, else .tools
// beside the go.mod at or above the working directory.
func ToolsDir() (string, error) {
	if dir := os.Getenv("SLUICE_TOOLS"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".tools"), nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("no go.mod at or above the working directory; set SLUICE_TOOLS")
	}
}

// tool returns the path of a fetched file or folder and says how to get it if
// it is not there.
func tool(what string, elem ...string) (string, error) {
	dir, err := ToolsDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing, run `scripts/fetch-tools %s`: %w", path, what, err)
	}
	return path, nil
}

// Python is the interpreter that holds the packages of the independent
// consumer (scripts/python/requirements.txt).
func Python() (string, error) {
	return tool("python", "py", "bin", "python")
}

// postgresBin is the folder of the newest PostgreSQL programs installed.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", fmt.Errorf("looking for PostgreSQL: %w", err)
	}
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL under /usr/lib/postgresql, run `scripts/fetch-tools postgres`")
	}
	major := func(initdb string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // not a number: oldest
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })
	return filepath.Dir(newest), nil
}
