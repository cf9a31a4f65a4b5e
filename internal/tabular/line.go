package tabular

import "bytes"

// extent is how far a row or a line reaches from the first unread byte.
type extent struct {
	text int // bytes without the line ending
	next int // where the next line begins
}

// ending measures the line ending at data[i], which is CR or LF: its bytes, 0
// if it is text, -1 if only the next byte can tell. A CR that is the very last
// byte of a file is taken for half of a CRLF.
func ending(data []byte, i int, loneCR, eof bool) int {
	switch {
	case data[i] == '\n':
		return 1
	case i+1 == len(data) && eof:
		return 1
	case i+1 == len(data):
		return -1
	case data[i+1] == '\n':
		return 2
	case loneCR:
		return 1
	}
	return 0
}

// findLine finds the end of the line at the first unread byte, whatever quotes
// it holds. isWhole is false when the line does not end within bound bytes.
// At the end of the file it returns io.EOF.
func (r *Reader) findLine(bound int) (line extent, isWhole bool, err error) {
	scanned := 0
	for {
		data := r.win.unread()
		line, isWhole = r.lineIn(data, scanned)
		if isWhole {
			return line, true, nil
		}
		if len(data) > bound+1 {
			return extent{}, false, nil
		}
		scanned = len(data)
		if r.win.more() {
			scanned = max(scanned-1, 0) // a CR there waited for its LF
			continue
		}
		if !r.win.atEOF() || len(data) == 0 {
			return extent{}, false, r.win.err
		}
		return lastLine(data), true, nil
	}
}

func lastLine(data []byte) extent {
	line := extent{text: len(data), next: len(data)}
	if data[len(data)-1] == '\r' {
		line.text--
	}
	return line
}

// lineIn looks for the first line ending in data from index from on.
func (r *Reader) lineIn(data []byte, from int) (extent, bool) {
	if !r.loneCR {
		k := bytes.IndexByte(data[from:], '\n')
		if k < 0 {
			return extent{}, false
		}
		line := extent{text: from + k, next: from + k + 1}
		if line.text > 0 && data[line.text-1] == '\r' {
			line.text--
		}
		return line, true
	}
	k := bytes.IndexAny(data[from:], "\r\n")
	if k < 0 {
		return extent{}, false
	}
	i := from + k
	n := ending(data, i, true, false)
	if n < 0 {
		return extent{}, false
	}
	return extent{text: i, next: i + n}, true
}

// skipLine gives up everything up to and including the next line ending,
// holding no more than one buffer of it.
func (r *Reader) skipLine() error {
	for {
		data := r.win.unread()
		if line, isWhole := r.lineIn(data, 0); isWhole {
			r.passed(data[line.text:line.next])
			r.win.advance(line.next)
			r.line++
			return nil
		}
		// The last byte stays: it may be the CR of a CRLF.
		r.win.advance(max(len(data)-1, 0))
		if r.win.more() {
			continue
		}
		if !r.win.atEOF() {
			return r.win.err
		}
		rest := r.win.unread()
		if len(rest) > 0 && rest[0] == '\r' {
			r.passed(rest)
			r.line += r.linesIn(rest)
		}
		r.win.advance(len(rest))
		return nil
	}
}

// linesIn counts the line endings in data, which ends with a whole one or at
// the end of the file.
func (r *Reader) linesIn(data []byte) int64 {
	if !r.loneCR {
		return int64(bytes.Count(data, []byte{'\n'}))
	}
	var n int64
	for i := 0; i < len(data); i++ {
		if data[i] == '\n' || data[i] == '\r' {
			n++
			i += ending(data, i, true, true) - 1
		}
	}
	return n
}

// endings is the set of line endings seen so far.
type endings uint8

const (
	sawLF endings = 1 << iota
	sawCRLF
	sawCR
)

func (e endings) String() string {
	switch e {
	case 0:
		return ""
	case sawLF:
		return LineEndingLF
	case sawCRLF:
		return LineEndingCRLF
	case sawCR:
		return LineEndingCR
	}
	return LineEndingMixed
}

// passed notes a line ending outside of quotes; "" at the end of the file.
func (r *Reader) passed(terminator []byte) {
	switch {
	case len(terminator) == 2:
		r.seen |= sawCRLF
	case len(terminator) == 1 && terminator[0] == '\n':
		r.seen |= sawLF
	case len(terminator) == 1 && r.loneCR:
		r.seen |= sawCR
	}
}
