package customer_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/internal/customer"
)

// TestPatternsDecideAsTheMatchers holds the published pattern of each column
// equal to what Judge accepts, over values near the pattern and far from it.
func TestPatternsDecideAsTheMatchers(t *testing.T) {
	t.Parallel()
	for _, spec := range customer.ColumnSpecs() {
		if spec.Pattern == "" {
			continue
		}
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			pattern := regexp.MustCompile(spec.Pattern)
			near := rapid.StringMatching(strings.ReplaceAll(spec.Pattern, `^$|`, ""))
			columns := []string{"uniqueRefNo", spec.Name}
			if spec.Name == customer.NameCustomerID {
				columns = columns[1:]
			}
			c, err := customer.ParseHeader(columns)
			if err != nil {
				t.Fatal(err)
			}
			var out customer.Judged
			rapid.Check(t, func(t *rapid.T) {
				value := spoil(t, near.Draw(t, "near"))
				cells := [][]byte{[]byte("R1"), []byte(value)}
				cells = cells[2-len(columns):]
				if value == "" || value != strings.TrimSpace(value) || strings.Contains(value, "\x00") {
					return
				}
				c.Judge(cells, customer.Options{}, &out)
				if want := pattern.MatchString(value); out.OK() != want {
					t.Fatalf("%q: judged %v, pattern says %v", value, out.OK(), want)
				}
			})
		})
	}
}

// spoil changes, drops or inserts up to two characters.
func spoil(t *rapid.T, s string) string {
	alphabet := rapid.SampledFrom([]rune("09AZazEUON+-. \t\n\f\v;'é\u0661"))
	runes := []rune(s)
	for range rapid.IntRange(0, 2).Draw(t, "spoils") {
		i := rapid.IntRange(0, len(runes)).Draw(t, "at")
		r := alphabet.Draw(t, "with")
		switch how := rapid.IntRange(0, 2).Draw(t, "how"); {
		case how == 0 || i == len(runes):
			runes = append(runes[:i:i], append([]rune{r}, runes[i:]...)...)
		case how == 1:
			runes[i] = r
		default:
			runes = append(runes[:i:i], runes[i+1:]...)
		}
	}
	return string(runes)
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	company := regexp.MustCompile(`^CEK[A-Z0-9]{7}$`)
	near := rapid.StringMatching(`CEK[A-Z0-9]{7}`)
	rapid.Check(t, func(t *rapid.T) {
		s := spoil(t, near.Draw(t, "near"))
		if customer.CompanyValid(s) != company.MatchString(s) {
			t.Fatalf("company %q", s)
		}
	})
	seen := map[string]bool{}
	for row := range int64(1000) {
		id := customer.GenerateID("u-1", row)
		if !customer.IDValid(id) || seen[id] {
			t.Fatalf("row %d: %q", row, id)
		}
		seen[id] = true
	}
	again := customer.GenerateID("u", 12)
	if again != customer.GenerateID("u", 12) || customer.GenerateID("u", 1) == customer.GenerateID("v", 1) {
		t.Error("identifiers do not depend on upload and row alone")
	}
}
