package schemas_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"sluice/schemas"
)

// avroType is a schema as the rules of compatibility see it.
type avroType struct {
	kind     string // a primitive, record, enum, array or union
	name     string // of a record or enum
	logical  string
	symbols  []string
	fallback bool // an enum with a default symbol
	items    *avroType
	branches []*avroType
	fields   []avroField
}

type avroField struct {
	name       string
	hasDefault bool
	typ        *avroType
}

// parse reads a schema, which the Avro library must accept too.
func parse(text string) (*avroType, error) {
	if _, err := goavro.NewCodec(text); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	return newType(tree, map[string]*avroType{}), nil
}

func newType(tree any, named map[string]*avroType) *avroType {
	switch t := tree.(type) {
	case string:
		if known, ok := named[t]; ok {
			return known
		}
		return &avroType{kind: t}
	case []any:
		u := &avroType{kind: "union"}
		for _, b := range t {
			u.branches = append(u.branches, newType(b, named))
		}
		return u
	}
	t, _ := tree.(map[string]any)
	out := &avroType{}
	out.kind, _ = t["type"].(string)
	out.logical, _ = t["logicalType"].(string)
	if out.name, _ = t["name"].(string); out.name != "" {
		named[out.name] = out
	}
	_, out.fallback = t["default"]
	if items, ok := t["items"]; ok {
		out.items = newType(items, named)
	}
	symbols, _ := t["symbols"].([]any)
	for _, s := range symbols {
		out.symbols = append(out.symbols, fmt.Sprint(s))
	}
	fields, _ := t["fields"].([]any)
	for _, f := range fields {
		field, _ := f.(map[string]any)
		_, hasDefault := field["default"]
		out.fields = append(out.fields, avroField{fmt.Sprint(field["name"]), hasDefault, newType(field["type"], named)})
	}
	return out
}

// incompatibilities says what keeps the new schema from reading what the old
// one wrote (backward) and the old from reading what the new one will write
// (forward). Both must hold: consumers are brought up to date before or after
// producers, and the log and the journal hold old events for long.
func incompatibilities(older, newer string) ([]string, error) {
	o, err := parse(older)
	if err != nil {
		return nil, err
	}
	n, err := parse(newer)
	if err != nil {
		return nil, err
	}
	return slices.Concat(unreadable("backward: "+n.name, n, o), unreadable("forward: "+o.name, o, n)), nil
}

// unreadable applies Avro's rules of resolution, without promotions: a type
// stays what it is.
func unreadable(path string, reader, writer *avroType) []string {
	if reader.kind != writer.kind || reader.name != writer.name || reader.logical != writer.logical {
		return []string{path + ": type changed"}
	}
	var out []string
	switch reader.kind {
	case "array":
		return unreadable(path+"[]", reader.items, writer.items)
	case "enum":
		for _, s := range writer.symbols {
			if !reader.fallback && !slices.Contains(reader.symbols, s) {
				out = append(out, path+": no symbol "+s)
			}
		}
	case "union":
		for _, b := range writer.branches {
			i := slices.IndexFunc(reader.branches, func(r *avroType) bool { return r.kind == b.kind && r.name == b.name })
			if i < 0 {
				out = append(out, path+": no branch "+b.kind+" "+b.name)
				continue
			}
			out = append(out, unreadable(path, reader.branches[i], b)...)
		}
	case "record":
		for _, f := range reader.fields {
			i := slices.IndexFunc(writer.fields, func(w avroField) bool { return w.name == f.name })
			switch {
			case i >= 0:
				out = append(out, unreadable(path+"."+f.name, f.typ, writer.fields[i].typ)...)
			case !f.hasDefault:
				out = append(out, path+"."+f.name+": no default for a field that is not written")
			}
		}
	}
	return out
}

const base = `{"type":"record","name":"R","namespace":"n","fields":[
 {"name":"id","type":"string"},
 {"name":"note","type":["null","string"],"default":null},
 {"name":"kind","type":{"type":"enum","name":"K","symbols":["A","B"]}},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"parts","type":{"type":"array","items":{"type":"record","name":"P","fields":[{"name":"n","type":"int"}]}}}]}`

func TestIncompatibleChangesAreRefused(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, from, to, want string }{
		{"field_added_without_default", `{"name":"id"`, `{"name":"extra","type":"string"},{"name":"id"`, "backward: R.extra: no default"},
		{"field_removed_without_default", `{"name":"id","type":"string"},`, ``, "forward: R.id: no default"},
		{"field_renamed", `"name":"id"`, `"name":"key"`, "backward: R.key: no default"},
		{"type_changed", `"name":"id","type":"string"`, `"name":"id","type":"bytes"`, "R.id: type changed"},
		{"type_widened", `"name":"n","type":"int"`, `"name":"n","type":"long"`, "R.parts[].n: type changed"},
		{"field_made_nullable", `"name":"id","type":"string"`, `"name":"id","type":["null","string"],"default":null`, "R.id: type changed"},
		{"symbol_removed", `["A","B"]`, `["A"]`, "backward: R.kind: no symbol B"},
		{"symbol_added_without_fallback", `["A","B"]`, `["A","B","C"]`, "forward: R.kind: no symbol C"},
		{"branch_removed", `"note","type":["null","string"]`, `"note","type":["null"]`, "backward: R.note: no branch string"},
		{"branch_added", `["null","string"]`, `["null","string","long"]`, "forward: R.note: no branch long"},
		{"logical_type_dropped", `{"type":"long","logicalType":"timestamp-millis"}`, `"long"`, "R.at: type changed"},
		{"logical_type_changed", `timestamp-millis`, `timestamp-micros`, "R.at: type changed"},
		{"field_of_an_item_added_without_default", `{"name":"n"`, `{"name":"m","type":"int"},{"name":"n"`, "backward: R.parts[].m: no default"},
		{"record_renamed", `"name":"P"`, `"name":"Q"`, "R.parts[]: type changed"},
		{"array_no_longer_an_array", `{"type":"array","items":{"type":"record","name":"P","fields":[{"name":"n","type":"int"}]}}`, `"string"`, "R.parts: type changed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(base, c.from, c.to, 1)
			if changed == base {
				t.Fatal("the case changes nothing")
			}
			got, err := incompatibilities(base, changed)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestCompatibleChangesAreAccepted(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, from, to string }{
		{"field_added_with_default", `{"name":"id"`, `{"name":"extra","type":["null","string"],"default":null},{"name":"id"`},
		{"field_removed_that_had_a_default", `{"name":"note","type":["null","string"],"default":null},`, ``},
		{"text_about_a_field", `"name":"id"`, `"doc":"The id.","name":"id"`},
		{"fields_in_another_order", `{"name":"id","type":"string"},
 {"name":"note","type":["null","string"],"default":null},`, `{"name":"note","type":["null","string"],"default":null},{"name":"id","type":"string"},`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(base, c.from, c.to, 1)
			if changed == base {
				t.Fatal("the case changes nothing")
			}
			if got, err := incompatibilities(base, changed); err != nil || len(got) != 0 {
				t.Errorf("refused: %q, %v", got, err)
			}
		})
	}
}

func TestUnparsableSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{`, `{"type":"record","name":"R"}`, `"nothing"`} {
		if _, err := incompatibilities(base, text); err == nil {
			t.Errorf("accepted %s", text)
		}
	}
}

// Taking any field out of a real schema, or giving it another type, is noticed.
func TestEveryFieldOfTheSchemasIsGuarded(t *testing.T) {
	t.Parallel()
	for _, s := range versions() {
		var tree map[string]any
		if err := json.Unmarshal([]byte(s.Text), &tree); err != nil {
			t.Fatal(err)
		}
		fields, _ := tree["fields"].([]any)
		for i, f := range fields {
			field, _ := f.(map[string]any)
			was := field["type"]
			field["type"] = "boolean"
			delete(field, "default")
			text, err := json.Marshal(tree)
			if err != nil {
				t.Fatal(err)
			}
			got, err := incompatibilities(s.Text, string(text))
			if err == nil && len(got) == 0 {
				t.Errorf("%s: field %d may become boolean", s.Subject, i)
			}
			field["type"] = was
		}
	}
}

// A customer stands in the changes just as in the store, so that a document is
// copied between them as it is.
func TestChangeEmbedsTheCustomerOfTheStore(t *testing.T) {
	t.Parallel()
	document, err := parse(schemas.Customer())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schemas.All() {
		if s.ID != schemas.IDCustomerChange {
			continue
		}
		change, err := parse(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range change.fields {
			if f.name != "before" && f.name != "after" {
				continue
			}
			embedded := f.typ.branches[1]
			if fmt.Sprint(describe(embedded)) != fmt.Sprint(describe(document)) {
				t.Errorf("%s is not the record of customer.avsc", f.name)
			}
		}
	}
}

// describe flattens a type with the order of its fields.
func describe(t *avroType) []string {
	out := []string{t.kind, t.name, t.logical, strings.Join(t.symbols, ",")}
	if t.items != nil {
		out = append(out, describe(t.items)...)
	}
	for _, b := range t.branches {
		out = append(out, describe(b)...)
	}
	for _, f := range t.fields {
		out = append(append(out, f.name), describe(f.typ)...)
	}
	return out
}
