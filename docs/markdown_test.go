package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the top of the checkout.
const root = ".."

// document is one Markdown file.
type document struct {
	name string // from the root, with slashes
	text string
}

// documents are those that are held true here.
func documents(t *testing.T) []document {
	t.Helper()
	var list []document
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md", "docs/*.md", "docs/adr/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, file := range files {
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, document{filepath.ToSlash(name), read(t, name)})
		}
	}
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	fence = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	span  = regexp.MustCompile("`([^`]+)`")
)

// code returns the document's code: lines of its blocks, and what stands between
// backticks elsewhere.
func (d document) code() []string {
	var list []string
	for _, block := range fence.FindAllStringSubmatch(d.text, -1) {
		list = append(list, strings.Split(block[1], "\n")...)
	}
	for _, s := range span.FindAllStringSubmatch(d.prose(), -1) {
		list = append(list, strings.ReplaceAll(s[1], "\n", " "))
	}
	return list
}

// prose is the text without code blocks.
func (d document) prose() string { return fence.ReplaceAllString(d.text, "") }

// Long lines hide changes in a diff. Tables can not be broken.
func TestLinesAreShort(t *testing.T) {
	for _, d := range documents(t) {
		if d.name == "README.md" || d.name == "docs/architecture.md" || d.name == "examples/README.md" {
			continue
		}
		for i, line := range strings.Split(d.text, "\n") {
			if n := len([]rune(line)); n > 120 && !strings.HasPrefix(line, "|") {
				t.Errorf("%s:%d has %d characters", d.name, i+1, n)
			}
		}
	}
}
