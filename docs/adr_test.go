package docs_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDecisionRecordsHaveTheirForm(t *testing.T) {
	files, err := filepath.Glob("adr/[0-9]*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no records (%v)", err)
	}
	slices.Sort(files)
	index := read(t, "docs/adr/README.md")
	title := regexp.MustCompile(`^# (\d{3}): (.+)\n`)
	status := regexp.MustCompile(`\n## Status\n\n\S.*\d{4}-\d{2}-\d{2}`)
	for i, file := range files {
		name := filepath.Base(file)
		text := read(t, "docs/adr/"+name)
		m := title.FindStringSubmatch(text)
		if m == nil || !strings.HasPrefix(name, m[1]+"-") {
			t.Errorf("%s does not begin with its number and title", name)
			continue
		}
		if want := []string{"Status", "Context", "Decision", "Alternatives", "Consequences"}; !slices.Equal(second(text), want) {
			t.Errorf("%s has the headings %v, want %v", name, second(text), want)
		}
		if !status.MatchString(text) {
			t.Errorf("%s has no status with its date", name)
		}
		if n := strings.Count(text, "\n"); n > 80 {
			t.Errorf("%s has %d lines: a record is one page", name, n)
		}
		if want := "[" + m[1] + ": " + m[2] + "](" + name + ")"; !strings.Contains(index, want) {
			t.Errorf("the index lacks %s", want)
		}
		if previous := max(i-1, 0); i > 0 && filepath.Base(files[previous])[:3] == m[1] {
			t.Errorf("number %s is given twice", m[1])
		}
	}
}

// second lists the headings of the second level.
func second(text string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}
