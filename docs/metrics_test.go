package docs_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The runbook tells of every metric, and of no other.
func TestRunbookAndCodeNameTheSameMetrics(t *testing.T) {
	inCode := map[string]bool{}
	name := regexp.MustCompile(`Name: +"(sluice_[a-z_]+)"( \+)?`)
	rest := regexp.MustCompile(`"([a-z_]+_(?:total|seconds|bytes|records|rows))"`)
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text := read(t, file)
		for _, m := range name.FindAllStringSubmatch(text, -1) {
			if m[2] == "" {
				inCode[m[1]] = true
				continue
			}
			// The name is put together from this beginning and an argument.
			for _, r := range rest.FindAllStringSubmatch(text, -1) {
				inCode[m[1]+r[1]] = true
			}
		}
	}
	inRunbook := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(sluice_[a-z_]+)` \\|").FindAllStringSubmatch(read(t, "docs/runbook.md"), -1) {
		inRunbook[m[1]] = true
	}
	if len(inCode) < 20 {
		t.Errorf("only %d metrics were found in the code", len(inCode))
	}
	for _, m := range slices.Sorted(maps.Keys(inCode)) {
		if !inRunbook[m] {
			t.Errorf("docs/runbook.md does not say what %s means", m)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(inRunbook)) {
		if !inCode[m] {
			t.Errorf("docs/runbook.md explains %s, which does not exist", m)
		}
	}
	mentioned := regexp.MustCompile(`^sluice_[a-z_]+$`)
	for _, d := range documents(t) {
		for _, code := range d.code() {
			if mentioned.MatchString(code) && !strings.HasSuffix(code, "_") && !inCode[code] && !strings.HasPrefix(code, "sluice_expect") {
				t.Errorf("%s: there is no metric %s", d.name, code)
			}
		}
	}
}

// What the runbook quotes from the logs is what the code logs or answers.
func TestRunbookQuotesTheLogs(t *testing.T) {
	var code strings.Builder
	for _, file := range goFiles(t) {
		if !strings.HasSuffix(file, "_test.go") {
			code.WriteString(read(t, file))
		}
	}
	text := code.String()
	quote := regexp.MustCompile(`^[a-z][a-z]+( [a-z'-]+,?){2,}( [a-z'-]+:?)*$`)
	quotes := 0
	for _, c := range (document{"docs/runbook.md", read(t, "docs/runbook.md")}).code() {
		if !quote.MatchString(c) || strings.HasPrefix(c, "sluice ") || strings.HasPrefix(c, "make ") {
			continue
		}
		quotes++
		if !strings.Contains(text, c) {
			t.Errorf("docs/runbook.md quotes %q, which the code does not say", c)
		}
	}
	if quotes < 10 {
		t.Errorf("only %d quotes were found in the runbook", quotes)
	}
}
