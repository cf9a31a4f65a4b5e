package tabular

// isActive reports whether a spreadsheet program may take a cell that begins
// with c for a formula, or whether it is our own mark.
func isActive(c byte) bool {
	switch c {
	case '=', '+', '-', '@', '\'', '\t', '\r', '\n':
		return true
	}
	return false
}

// Inert reports whether a cell of a result file is written with a ' before it,
// so that no spreadsheet program runs it as a formula: whether it begins with
// one of = + - @ ' TAB CR LF.
func Inert(cell []byte) (needsPrefix bool) {
	return len(cell) > 0 && isActive(cell[0])
}

// Uninert undoes the prefix: it removes one ' in front of = + - @ ' TAB CR LF
// and leaves every other cell alone. Only cells of our own result files may be
// passed, since '+91 is a value of its own elsewhere. The result aliases cell.
func Uninert(cell []byte) []byte {
	if len(cell) > 1 && cell[0] == '\'' && isActive(cell[1]) {
		return cell[1:]
	}
	return cell
}
