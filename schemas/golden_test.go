package schemas_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"sluice/schemas"
)

var update = flag.Bool("update", false, "write the golden bytes anew and freeze versions that are not frozen yet")

// versions are the current schemas with the customer document, which is no
// subject of the registry but is stored as long.
func versions() []schemas.Schema {
	return append(schemas.All(), schemas.Schema{Subject: "customer", Version: 1, Text: schemas.Customer()})
}

func goldenPath(subject string, version int, ext string) string {
	return filepath.Join("golden", fmt.Sprintf("%s.v%d.%s", subject, version, ext))
}

// frozenProblems compares a schema with the frozen texts of its versions,
// version 1 first.
func frozenProblems(s schemas.Schema, frozen []string) []string {
	if len(frozen) < s.Version {
		return []string{fmt.Sprintf("version %d has no frozen text: run this test with -update", s.Version)}
	}
	if len(frozen) > s.Version {
		return []string{fmt.Sprintf("version %d is frozen but the schema says version %d: versions never go back", len(frozen), s.Version)}
	}
	if frozen[s.Version-1] != s.Text {
		return []string{fmt.Sprintf("the text is not that of version %d: a changed schema is a new version with a new id", s.Version)}
	}
	var out []string
	for i, text := range frozen {
		problems, err := incompatibilities(text, s.Text)
		if err != nil {
			return []string{err.Error()}
		}
		for _, p := range problems {
			out = append(out, fmt.Sprintf("version %d: %s", i+1, p))
		}
	}
	return out
}

func TestSchemasKeepTheirVersionsAndCompatibility(t *testing.T) {
	t.Parallel()
	for _, s := range versions() {
		freeze(t, s)
		t.Run(s.Subject, func(t *testing.T) {
			t.Parallel()
			var frozen []string
			for v := 1; ; v++ {
				text, err := os.ReadFile(goldenPath(s.Subject, v, "avsc"))
				if errors.Is(err, fs.ErrNotExist) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				frozen = append(frozen, string(text))
			}
			for _, p := range frozenProblems(s, frozen) {
				t.Error(p)
			}
		})
	}
}

// freeze writes the text of a version that is new; a frozen one stays as it is.
func freeze(t *testing.T, s schemas.Schema) {
	t.Helper()
	path := goldenPath(s.Subject, s.Version, "avsc")
	if _, err := os.Stat(path); !*update || err == nil {
		return
	}
	if err := os.WriteFile(path, []byte(s.Text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Each golden .json is what its .bin holds, in Avro's own JSON. The newest
// version reads them all: missing fields get their defaults, unknown ones go.
func TestGoldenSamplesOfEveryVersionAreReadByTheNewest(t *testing.T) {
	t.Parallel()
	for _, s := range versions() {
		freeze(t, s)
		newest, err := goavro.NewCodec(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		for v := 1; v <= s.Version; v++ {
			t.Run(fmt.Sprintf("%s.v%d", s.Subject, v), func(t *testing.T) {
				t.Parallel()
				native := goldenNative(t, s.Subject, v)
				resolved, err := newest.BinaryFromNative(nil, native)
				if err != nil {
					t.Fatalf("the newest version can not hold the sample: %v", err)
				}
				if _, rest, err := newest.NativeFromBinary(resolved); err != nil || len(rest) != 0 {
					t.Errorf("reading it back: %v, %d bytes left", err, len(rest))
				}
			})
		}
	}
}

// goldenNative reads one golden sample with the schema it was written with, and
// checks that its .bin and .json say the same.
func goldenNative(t *testing.T, subject string, version int) any {
	t.Helper()
	codec, err := goavro.NewCodec(readGolden(t, subject, version, "avsc"))
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := codec.NativeFromTextual([]byte(readGolden(t, subject, version, "json")))
	if err != nil {
		t.Fatalf("read .json: %v", err)
	}
	encoded, err := codec.BinaryFromNative(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(goldenPath(subject, version, "bin"), encoded, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored := []byte(readGolden(t, subject, version, "bin"))
	if !bytes.Equal(stored, encoded) {
		t.Error(".bin is not what .json says")
	}
	native, rest, err := codec.NativeFromBinary(stored)
	if err != nil || len(rest) != 0 {
		t.Fatalf("read .bin: %v, %d bytes left", err, len(rest))
	}
	if reflect.TypeOf(native) != reflect.TypeOf(want) {
		t.Errorf("read %T, want %T", native, want)
	}
	return native
}

func readGolden(t *testing.T, subject string, version int, ext string) string {
	t.Helper()
	b, err := os.ReadFile(goldenPath(subject, version, ext))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFrozenVersionsAreGuarded(t *testing.T) {
	t.Parallel()
	added := strings.Replace(base, `{"name":"id"`, `{"name":"extra","type":["null","string"],"default":null},{"name":"id"`, 1)
	broken := strings.Replace(base, `["A","B"]`, `["A"]`, 1)
	cases := []struct {
		name   string
		schema schemas.Schema
		frozen []string
		want   string
	}{
		{"unchanged_text_passes", schemas.Schema{Version: 1, Text: base}, []string{base}, ""},
		{"compatible_new_version_passes", schemas.Schema{Version: 2, Text: added}, []string{base, added}, ""},
		{"changed_text_needs_a_new_version", schemas.Schema{Version: 1, Text: added}, []string{base}, "a changed schema is a new version"},
		{"new_version_must_be_frozen", schemas.Schema{Version: 2, Text: added}, []string{base}, "has no frozen text"},
		{"version_does_not_go_back", schemas.Schema{Version: 1, Text: base}, []string{base, added}, "never go back"},
		{"incompatible_new_version_is_refused", schemas.Schema{Version: 2, Text: broken}, []string{base, broken}, "version 1: backward"},
		{"every_older_version_counts", schemas.Schema{Version: 3, Text: broken}, []string{base, added, broken}, "version 2: backward"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(frozenProblems(c.schema, c.frozen), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
