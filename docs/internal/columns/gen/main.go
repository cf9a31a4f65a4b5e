// Command gen writes docs/columns.md to the file it is given.
package main

import (
	"errors"
	"fmt"
	"os"

	"sluice/docs/internal/columns"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: gen FILE")
	}
	text, err := columns.Markdown()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644) //nolint:gosec // a document, for everybody to read
}
