// Package history_test runs random histories: uploads go through intake, split,
// apply, counting and finishing in processes that are slow, frozen, killed and
// doubled, over a log that loses its tail, its beginning or everything. However
// it went, the store, the changes, the counts and the files must be those of a
// model that computes them from the uploads alone.
//
// A history runs on virtual time: what sleeps costs nothing, and what happens
// when depends on the seed alone, but for goroutines that wake at the same moment.
package history_test
