package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"sluice/internal/bulk"
)

// JSON renders the value of an event for people: the fields of its schema in
// their order, unions without their branch, times as RFC 3339, and bytes that
// are JSON as that JSON. A tombstone is null; a dead letter that is not one of
// our events is a string of base64. Bytes that do not fit the topic's schema
// give a *DecodeError.
func (c *Codec) JSON(topic string, value []byte) ([]byte, error) {
	if value == nil {
		return []byte("null"), nil
	}
	trees, err := c.trees()
	if err != nil {
		return nil, err
	}
	var want prefix
	switch topic {
	case bulk.TopicUpdates:
		want = c.update
	case bulk.TopicResults:
		want = c.result
	case bulk.TopicChanges:
		want = c.change
	case bulk.TopicResponses:
		want = c.response
	case bulk.TopicDeadLetters:
		return deadLetterJSON(trees, value)
	default:
		return nil, fmt.Errorf("topic %q has no schema", topic)
	}
	return render(trees[want], &want, value)
}

func deadLetterJSON(trees map[prefix]*node, value []byte) ([]byte, error) {
	if len(value) >= prefixLen {
		p := prefix(value[:prefixLen])
		if tree, ok := trees[p]; ok {
			if out, err := render(tree, &p, value); err == nil {
				return out, nil
			}
		}
	}
	out := base64.StdEncoding.AppendEncode([]byte{'"'}, value)
	return append(out, '"'), nil
}

func render(tree *node, want *prefix, value []byte) ([]byte, error) {
	d := open(value, want)
	out := tree.append(make([]byte, 0, 4*len(value)), &d)
	if err := d.close(); err != nil {
		return nil, err
	}
	return out, nil
}

// append renders what the decoder stands at. After a failure the rest is of no
// use, but what is read is bounded as always.
func (n *node) append(dst []byte, d *decoder) []byte {
	switch n.kind {
	case "record":
		dst = append(dst, '{')
		for i, f := range n.fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendQuoted(dst, f.name), ':')
			dst = f.node.append(dst, d)
		}
		return append(dst, '}')
	case "union":
		return n.branches[d.branch(int64(len(n.branches)))].append(dst, d)
	case "array":
		return n.appendArray(dst, d)
	case "enum":
		return appendQuoted(dst, n.symbols[d.symbol(int64(len(n.symbols)))])
	case "int":
		return strconv.AppendInt(dst, int64(d.int()), 10)
	case "long":
		if n.isMillis {
			dst = append(dst, '"')
			dst = time.UnixMilli(d.long()).UTC().AppendFormat(dst, millisLayout)
			return append(dst, '"')
		}
		return strconv.AppendInt(dst, d.long(), 10)
	case "string":
		return appendQuoted(dst, d.text())
	case "bytes":
		return appendEmbedded(dst, d.raw())
	default:
		return append(dst, "null"...)
	}
}

func (n *node) appendArray(dst []byte, d *decoder) []byte {
	dst = append(dst, '[')
	first := true
	for count := d.block(1); count > 0; count = d.block(1) {
		for range count {
			if d.err != nil {
				return dst
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = n.items.append(dst, d)
		}
	}
	return append(dst, ']')
}

func appendQuoted(dst []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// appendEmbedded writes JSON as it is, on one line, and other bytes as base64.
func appendEmbedded(dst []byte, s string) []byte {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(s)); err == nil {
		return append(dst, out.Bytes()...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, '"')
}
