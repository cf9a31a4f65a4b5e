// Command pretty shows the JSON object on its standard input to a person, for
// the demo: a line per key, a line per element of a list, and of a long list
// the beginning only.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// shownElements is how much of a list is shown.
const shownElements = 6

func main() {
	if err := pretty(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pretty:", err)
		os.Exit(1)
	}
}

// pretty keeps the order of the keys.
func pretty(in io.Reader, out io.Writer) error {
	decoder := json.NewDecoder(in)
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.Join(errors.New("want one JSON object"), err)
	}
	text := bytes.NewBufferString("{\n")
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("reading a key: %w", err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return fmt.Errorf("reading %v: %w", key, err)
		}
		fmt.Fprintf(text, "  %q: ", key)
		writeValue(text, value)
		if decoder.More() {
			text.WriteByte(',')
		}
		text.WriteByte('\n')
	}
	text.WriteString("}\n")
	_, err := text.WriteTo(out)
	return err
}

func writeValue(text *bytes.Buffer, value json.RawMessage) {
	var elements []json.RawMessage
	if json.Unmarshal(value, &elements) != nil || len(elements) == 0 {
		text.Write(value)
		return
	}
	text.WriteString("[\n")
	for i, element := range elements {
		if i == shownElements {
			fmt.Fprintf(text, "    … and %d more\n", len(elements)-i)
			break
		}
		text.WriteString("    ")
		text.Write(element)
		if i < len(elements)-1 {
			text.WriteByte(',')
		}
		text.WriteByte('\n')
	}
	text.WriteString("  ]")
}
