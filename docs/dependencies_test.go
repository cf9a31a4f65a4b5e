package docs_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Each module that a file of ours imports has a line with its version, and no
// other module has one.
func TestDependenciesAreTheImportedModules(t *testing.T) {
	versions := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(read(t, "go.mod"), -1) {
		versions[m[1]] = m[2]
	}
	listed := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9.]+\\.[a-z]+/?[^`]*)` \\| (v\\S+) \\|").FindAllStringSubmatch(read(t, "docs/dependencies.md"), -1) {
		listed[m[1]] = m[2]
	}
	imported := map[string]bool{}
	for _, file := range goFiles(t) {
		for _, path := range imports(t, file) {
			if module := moduleOf(path, versions); module != "" {
				imported[module] = true
			}
		}
	}
	for module := range imported {
		switch listed[module] {
		case versions[module]:
		case "":
			t.Errorf("docs/dependencies.md has no line for %s", module)
		default:
			t.Errorf("docs/dependencies.md says %s %s, go.mod %s", module, listed[module], versions[module])
		}
	}
	for module := range listed {
		if !imported[module] {
			t.Errorf("docs/dependencies.md lists %s, which nothing imports", module)
		}
	}
}

// imports lists the imports of a file.
func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, path)
	}
	return list
}

// moduleOf is the longest module path that a package path begins with.
func moduleOf(path string, versions map[string]string) string {
	for p := path; p != "." && p != ""; {
		if versions[p] != "" {
			return p
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return ""
		}
		p = p[:i]
	}
	return ""
}
