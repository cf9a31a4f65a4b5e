package config

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Mistake is one thing wrong with one setting.
type Mistake struct {
	Key    string // the setting, empty if none is to blame
	Origin string // "--http", "SLUICE_HTTP", "sluice.yaml:3" or "default"
	Text   string // what is wrong and what would be right
}

// String is the line that config check prints.
func (m Mistake) String() string {
	parts := []string{m.Text}
	if m.Key != "" {
		parts = append([]string{m.Key}, parts...)
	}
	if m.Origin != "" {
		parts = append([]string{m.Origin}, parts...)
	}
	return strings.Join(parts, ": ")
}

// Mistakes is every mistake of a configuration, as one error.
type Mistakes []Mistake

// Error puts each mistake on a line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i := range m {
		lines[i] = m[i].String()
	}
	return strings.Join(lines, "\n")
}

// keyLines finds the line of each top-level key of a YAML document.
func keyLines(content []byte) map[string]int {
	lines := map[string]int{}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil || len(document.Content) == 0 {
		return lines
	}
	pairs := document.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		lines[pairs[i].Value] = pairs[i].Line
	}
	return lines
}

// suggest names the setting that an unknown key probably means.
func suggest(key string) string {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
	}
	best, bestDistance := "", 3 // more than two edits is another word
	for _, s := range settings() {
		if d := editDistance(plain(key), plain(s.key)); d < bestDistance {
			best, bestDistance = s.key, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance is the number of inserted, dropped or changed bytes from a to b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func sortedKeys(values map[string]any) []string {
	return slices.Sorted(maps.Keys(values))
}
