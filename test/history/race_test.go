//go:build race

package history_test

// underRace is true when the race detector watches, which costs a factor of ten.
const underRace = true
