// Package docs holds the documents, and the tests that keep them from lying:
// links lead somewhere, commands, metrics and paths exist, and what is made from
// code is not stale.
package docs

//go:generate go run ./internal/columns/gen columns.md
