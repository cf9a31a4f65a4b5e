package crash_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"sluice/internal/crash"
)

func TestEveryDeclaredStepIsListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "points.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []crash.Step
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "Step" {
			text, ok := v.Values[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is no literal", v.Names[0].Name)
			}
			declared = append(declared, crash.Step(strings.Trim(text.Value, `"`)))
		}
		return true
	})
	if len(declared) == 0 || !slices.Equal(declared, crash.Steps()) {
		t.Fatalf("declared %v\nlisted   %v", declared, crash.Steps())
	}
}

func TestNamesAreDistinct(t *testing.T) {
	seen := make(map[string]bool)
	for _, name := range crash.Names() {
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
	}
	if len(seen) != 2*len(crash.Steps()) {
		t.Errorf("%d names for %d steps", len(seen), len(crash.Steps()))
	}
}
