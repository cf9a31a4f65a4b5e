package tabular

import "bytes"

// lookAheadRows times MaxRowBytes is how far a quoted cell that runs over its
// line is followed: far enough that a row of a few times the limit still fails
// alone, as one row.
const lookAheadRows = 4

type verdict int

const (
	undecided verdict = iota
	closes            // the row ends at end
	broken            // a quote is followed by text, or the file ends inside quotes
)

type scanState int

const (
	inQuotes scanState = iota
	atCell
	inCell
)

// lookAhead follows a row past the end of its first line, where a quoted cell
// is open. Whatever row is open at the start of a line, the scan from there on
// is the same one; so it is kept and joined by later rows, and a file in which
// every line has a stray quote is still read in linear time. What is kept
// decides nothing but speed.
type lookAhead struct {
	isStarted bool
	from, at  int64 // scanned so far, file offsets
	state     scanState
	verdict   verdict
	end, next int64 // of the row, once it closes
}

// view is what a scan sees of the file: data, which begins at file offset base.
type view struct {
	data   []byte
	base   int64
	delim  byte
	loneCR bool // a CR alone ends a line
	isLast bool // no byte follows data
}

// follow finds the end of the row that is open at the line start next bytes
// from its beginning, after a line ending. isClosed is false when its quotes do not come out right,
// or when it is longer than bound.
func (r *Reader) follow(next, bound int) (row extent, isClosed bool, err error) {
	a := &r.ahead
	from := r.win.offset + int64(next)
	if !a.isStarted || from < a.from || from > a.at {
		*a = lookAhead{isStarted: true, from: from, at: from}
	}
	last := r.win.offset + int64(bound)
	for {
		a.scan(view{r.win.unread(), r.win.offset, r.split.delim, r.loneCR, r.win.atEOF()})
		if a.verdict != undecided || a.at > last+1 {
			break
		}
		if !r.win.more() && !r.win.atEOF() {
			return extent{}, false, r.win.err
		}
	}
	if a.verdict != closes || a.end > last {
		return extent{}, false, nil
	}
	return extent{text: int(a.end - r.win.offset), next: int(a.next - r.win.offset)}, true, nil
}

// scan goes on from a.at to the verdict or the end of v. It stops before a
// byte that only the next one can explain.
func (a *lookAhead) scan(v view) {
	i := int(a.at - v.base)
	for i < len(v.data) && a.verdict == undecided {
		n := a.step(v, i)
		if n == 0 { // decided, or undecidable yet
			break
		}
		i += n
	}
	a.at = v.base + int64(i)
	if v.isLast && i == len(v.data) && a.verdict == undecided {
		if a.state == inQuotes {
			a.verdict = broken
			return
		}
		a.closeAt(v, i, 0)
	}
}

// step takes the bytes from v.data[i] on that belong together and returns how
// many they are.
func (a *lookAhead) step(v view, i int) int {
	switch a.state {
	case inQuotes:
		switch k := bytes.IndexByte(v.data[i:], '"'); k {
		case -1:
			return len(v.data) - i
		case 0:
			return a.quote(v, i)
		default:
			return k
		}
	case atCell:
		if v.data[i] == '"' {
			a.state = inQuotes
			return 1
		}
		a.state = inCell
	case inCell:
	}
	return a.text(v, i)
}

// quote judges the quote at v.data[i], inside a quoted cell.
func (a *lookAhead) quote(v view, i int) int {
	after := i + 1
	if after == len(v.data) {
		if v.isLast {
			a.closeAt(v, after, 0)
		}
		return 0
	}
	switch v.data[after] {
	case '"':
		return 2
	case v.delim:
		a.state = atCell
		return 2
	case '\r', '\n':
		n := ending(v.data, after, v.loneCR, v.isLast)
		if n > 0 {
			a.closeAt(v, after, n)
		}
		if n != 0 {
			return 0
		}
	}
	a.verdict = broken
	return 0
}

// text goes from v.data[i] to the end of an unquoted cell.
func (a *lookAhead) text(v view, i int) int {
	for j := i; j < len(v.data); j++ {
		switch v.data[j] {
		case v.delim:
			a.state = atCell
			return j + 1 - i
		case '\r', '\n':
			n := ending(v.data, j, v.loneCR, v.isLast)
			if n > 0 {
				a.closeAt(v, j, n)
			}
			if n != 0 {
				return j - i
			}
		}
	}
	return len(v.data) - i
}

func (a *lookAhead) closeAt(v view, text, terminator int) {
	a.verdict = closes
	a.end = v.base + int64(text)
	a.next = a.end + int64(terminator)
}
