package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// words that follow "make " in code.
var makeTargets = regexp.MustCompile(`(?:^|\s)make((?: [a-z][a-z-]*)+)`)

func TestEveryMakeTargetExists(t *testing.T) {
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets = append(targets, m[1])
	}
	for _, d := range documents(t) {
		for _, code := range d.code() {
			for _, m := range makeTargets.FindAllStringSubmatch(code, -1) {
				for _, target := range strings.Fields(m[1]) {
					if !slices.Contains(targets, target) {
						t.Errorf("%s: %q: the Makefile has no target %s", d.name, code, target)
					}
				}
			}
		}
	}
}

// A path in code that begins with a folder of ours is there. A path with a blank
// to fill in is not looked for.
func TestEveryPathExists(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var tops []string
	for _, e := range entries {
		// What is built or fetched need not be there.
		if e.IsDir() && !slices.Contains([]string{"bin", "data", ".tools", ".git"}, e.Name()) {
			tops = append(tops, regexp.QuoteMeta(e.Name()))
		}
	}
	paths := regexp.MustCompile(`(?:^|[\s='"(])(?:\./)?((?:` + strings.Join(tops, "|") + `)/[^\s'",;:)]*)`)
	for _, d := range documents(t) {
		for _, code := range d.code() {
			for _, m := range paths.FindAllStringSubmatch(code, -1) {
				name := strings.TrimSuffix(m[1], "/...")
				if strings.ContainsAny(name, "<>…{}") {
					continue
				}
				if found, err := filepath.Glob(filepath.Join(root, name)); err != nil || len(found) == 0 {
					t.Errorf("%s: %q: there is no %s", d.name, code, name)
				}
			}
		}
	}
}

func TestEveryScriptIsExecutable(t *testing.T) {
	scripts := regexp.MustCompile(`^(scripts/[a-z-]+|\.ci/run)(?:\s|$)`)
	for _, d := range documents(t) {
		for _, code := range d.code() {
			m := scripts.FindStringSubmatch(code)
			if m == nil {
				continue
			}
			info, err := os.Stat(filepath.Join(root, m[1]))
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
			} else if !info.IsDir() && info.Mode()&0o111 == 0 {
				t.Errorf("%s: %s can not be run", d.name, m[1])
			}
		}
	}
}

// Commands and flags of the binary, as the help of each command lists them.
func TestEveryCommandAndFlagExists(t *testing.T) {
	usage := regexp.MustCompile(`^(?:\S*/)?sluice ([a-z]+(?: check)?)((?:\s.*)?)$`)
	flag := regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]*)`)
	helps := map[string]string{}
	for _, d := range documents(t) {
		for _, code := range d.code() {
			m := usage.FindStringSubmatch(code)
			if m == nil || strings.HasPrefix(code, "go ") {
				continue
			}
			help, known := helps[m[1]]
			if !known {
				help = helpOf(t, strings.Fields(m[1]))
				helps[m[1]] = help
			}
			if help == "" {
				t.Errorf("%s: %q: there is no command %s", d.name, code, m[1])
				continue
			}
			for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
				if !strings.Contains(help, "--"+f[1]+" ") {
					t.Errorf("%s: %q: %s has no flag --%s", d.name, code, m[1], f[1])
				}
			}
		}
	}
	if len(helps) < 5 {
		t.Errorf("only %d commands were found in the documents", len(helps))
	}
}
