package event

import (
	"encoding/json"
	"errors"
	"fmt"

	"sluice/schemas"
)

// node is a part of a schema, as the renderer needs it.
type node struct {
	kind     string // record, enum, array, union or the name of a primitive
	isMillis bool   // a long that is a time
	fields   []nodeField
	symbols  []string
	items    *node
	branches []*node
}

type nodeField struct {
	name string
	node *node
}

var errBadSchema = errors.New("schema has a form that is not rendered")

// parseSchemas makes the trees of all schemas, by the prefix of their values.
func (c *Codec) parseSchemas() (map[prefix]*node, error) {
	prefixes := map[int]prefix{
		schemas.IDCustomerUpdate: c.update, schemas.IDBulkResult: c.result,
		schemas.IDCustomerChange: c.change, schemas.IDBulkResponse: c.response,
	}
	trees := make(map[prefix]*node, len(prefixes))
	for _, s := range schemas.All() {
		var text any
		if err := json.Unmarshal([]byte(s.Text), &text); err != nil {
			return nil, fmt.Errorf("parse schema %s: %w", s.Subject, err)
		}
		tree, err := newNode(text, map[string]*node{})
		if err != nil {
			return nil, fmt.Errorf("read schema %s: %w", s.Subject, err)
		}
		trees[prefixes[s.ID]] = tree
	}
	return trees, nil
}

func newNode(text any, named map[string]*node) (*node, error) {
	switch t := text.(type) {
	case string:
		if n, ok := named[t]; ok {
			return n, nil
		}
		switch t {
		case "null", "int", "long", "string", "bytes":
			return &node{kind: t}, nil
		}
	case []any:
		n := &node{kind: "union"}
		for _, b := range t {
			branch, err := newNode(b, named)
			if err != nil {
				return nil, err
			}
			n.branches = append(n.branches, branch)
		}
		return n, nil
	case map[string]any:
		return newComplexNode(t, named)
	}
	return nil, errBadSchema
}

func newComplexNode(t map[string]any, named map[string]*node) (*node, error) {
	kind, _ := t["type"].(string)
	n := &node{kind: kind, isMillis: t["logicalType"] == "timestamp-millis"}
	if name, ok := t["name"].(string); ok {
		named[name] = n
	}
	switch kind {
	case "long", "int", "string", "bytes":
		return n, nil
	case "enum":
		list, _ := t["symbols"].([]any)
		for _, s := range list {
			symbol, _ := s.(string)
			n.symbols = append(n.symbols, symbol)
		}
		return n, nil
	case "array":
		items, err := newNode(t["items"], named)
		n.items = items
		return n, err
	case "record":
		list, _ := t["fields"].([]any)
		for _, f := range list {
			field, _ := f.(map[string]any)
			name, _ := field["name"].(string)
			child, err := newNode(field["type"], named)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", name, err)
			}
			n.fields = append(n.fields, nodeField{name, child})
		}
		return n, nil
	}
	return nil, errBadSchema
}
