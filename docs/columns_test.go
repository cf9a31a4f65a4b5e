package docs_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/docs/internal/columns"
	"sluice/internal/cli"
)

func TestColumnsAreNotStale(t *testing.T) {
	want, err := columns.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("columns.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/columns.md is stale: run `make generate`")
	}
}

// goFiles lists the Go files of the module, from the root.
func goFiles(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "data" || entry.Name() == "bin") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".go" {
			name, err := filepath.Rel(root, path)
			list = append(list, filepath.ToSlash(name))
			return err
		}
		return nil
	})
	if err != nil || len(list) < 100 {
		t.Fatalf("%d Go files found (%v)", len(list), err)
	}
	return list
}

// helpOf returns what a command says of itself, "" if there is none.
func helpOf(t *testing.T, command []string) string {
	t.Helper()
	var out, trouble bytes.Buffer
	if err := cli.Run(context.Background(), append(command, "--help"), strings.NewReader(""), &out, &trouble); err != nil {
		return ""
	}
	if !strings.Contains(out.String(), "sluice "+strings.Join(command, " ")) {
		return ""
	}
	return out.String() + " "
}
