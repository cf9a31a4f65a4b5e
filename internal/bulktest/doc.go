// Package bulktest holds what tests of the roles stand on: builders of rows and
// files, a log and a file store in memory, a store in a fresh database, and
// wrappers that make any of them slow, fail or die. With a nil Dice everything
// is plain and exact; with a seeded one it is arbitrary and can be repeated.
//
// Only tests import it.
package bulktest
