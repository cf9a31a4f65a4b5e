package intake

// SortIn makes an intake sort so many rows in memory at once: the rest goes to
// disk. It is here because no operator turns it.
func SortIn(o Options, rows int) Options {
	o.sortedRows = rows
	return o
}
