// Command pretty indents the JSON on its standard input, for the demo.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := pretty(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pretty:", err)
		os.Exit(1)
	}
}

func pretty(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(text), "", "  "); err != nil {
		return fmt.Errorf("%w in %q", err, text)
	}
	indented.WriteByte('\n')
	_, err = indented.WriteTo(out)
	return err
}
