package docs_test

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

func TestEveryRelativeLinkLeadsSomewhere(t *testing.T) {
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(d.prose(), ""), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: link %q: %v", d.name, m[1], err)
				continue
			}
			if u.Scheme != "" {
				continue
			}
			target := d.name
			if u.Path != "" {
				target = path.Join(path.Dir(d.name), u.Path)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: link %q leads nowhere", d.name, m[1])
				continue
			}
			if u.Fragment != "" && !anchors(read(t, target))[u.Fragment] {
				t.Errorf("%s: link %q: %s has no such heading", d.name, m[1], target)
			}
		}
	}
}

// anchors are the names that headings get.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
				return r
			default:
				return -1
			}
		}, strings.ToLower(m[1]))
		names[name] = true
	}
	return names
}

// A decision that a comment in the code cites must be there.
func TestEveryCitedDecisionExists(t *testing.T) {
	cited := regexp.MustCompile(`ADR-(\d{3})`)
	check := func(where, text string) {
		for _, m := range cited.FindAllStringSubmatch(text, -1) {
			if found, err := filepath.Glob("adr/" + m[1] + "-*.md"); err != nil || len(found) != 1 {
				t.Errorf("%s cites %s, which is not in docs/adr (%v)", where, m[0], err)
			}
		}
	}
	for _, d := range documents(t) {
		check(d.name, d.text)
	}
	for _, f := range goFiles(t) {
		check(f, read(t, f))
	}
}
