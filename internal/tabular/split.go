package tabular

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// cellState is where a row stands at the end of the text that was split.
type cellState int

const (
	closed   cellState = iota // every cell is complete
	open                      // the last cell began with a quote and is not closed
	trailing                  // a closing quote is followed by text
)

// splitter cuts the text of a row into cells, without allocation once its
// buffers have grown.
type splitter struct {
	delim   byte
	cells   [][]byte
	scratch []byte // cells that held doubled quotes
}

// split cuts text, which has no line ending, into s.cells. Unless the state is
// closed, column is the cell at fault; it and the cells after it are then cut
// at each delimiter, quotes and all.
func (s *splitter) split(text []byte) (state cellState, column int) {
	s.cells, s.scratch = s.cells[:0], s.scratch[:0]
	at := s.plain(text)
	for at >= 0 {
		if at < len(text) && text[at] == '"' {
			var next int
			next, state = s.quoted(text, at)
			if state != closed {
				column = len(s.cells)
				s.rough(text, at)
				return state, column
			}
			at = next
			continue
		}
		k := bytes.IndexByte(text[at:], s.delim)
		if k < 0 {
			s.cells = append(s.cells, text[at:len(text):len(text)])
			break
		}
		s.cells = append(s.cells, text[at:at+k:at+k])
		at += k + 1
	}
	return closed, -1
}

// quoted takes the cell whose opening quote is at text[at] and returns where
// the next cell begins, -1 if it was the last.
func (s *splitter) quoted(text []byte, at int) (next int, state cellState) {
	begin, from := at+1, at+1
	mark := -1 // where in scratch the cell begins, once it held a doubled quote
	for {
		k := bytes.IndexByte(text[from:], '"')
		if k < 0 {
			return 0, open
		}
		end := from + k
		after := end + 1
		if after < len(text) && text[after] == '"' {
			if mark < 0 {
				mark = len(s.scratch)
			}
			s.scratch = append(s.scratch, text[begin:after]...)
			begin, from = after+1, after+1
			continue
		}
		if after < len(text) && text[after] != s.delim {
			return 0, trailing
		}
		cell := text[begin:end:end]
		if mark >= 0 {
			s.scratch = append(s.scratch, cell...)
			cell = s.scratch[mark:len(s.scratch):len(s.scratch)]
		}
		s.cells = append(s.cells, cell)
		if after == len(text) {
			return -1, closed
		}
		return after + 1, closed
	}
}

// rough cuts text from at on at each delimiter.
func (s *splitter) rough(text []byte, at int) {
	for {
		k := bytes.IndexByte(text[at:], s.delim)
		if k < 0 {
			s.cells = append(s.cells, text[at:len(text):len(text)])
			return
		}
		s.cells = append(s.cells, text[at:at+k:at+k])
		at += k + 1
	}
}

// plain takes cells, eight bytes at a time, up to the first cell with a quote
// in it and returns where that cell begins, -1 if there is none.
func (s *splitter) plain(text []byte) int {
	delims, quotes := repeated(s.delim), repeated('"')
	cells, begin, i := s.cells, 0, 0
	for ; i+8 <= len(text); i += 8 {
		word := binary.LittleEndian.Uint64(text[i:])
		found, quote := zeroBytes(word^delims), zeroBytes(word^quotes)
		if quote != 0 {
			found &= quote&-quote - 1 // only the delimiters before it
		}
		for ; found != 0; found &= found - 1 {
			k := i + bits.TrailingZeros64(found)>>3
			cells = append(cells, text[begin:k:k])
			begin = k + 1
		}
		if quote != 0 {
			s.cells = cells
			return begin
		}
	}
	for ; i < len(text); i++ {
		switch text[i] {
		case s.delim:
			cells = append(cells, text[begin:i:i])
			begin = i + 1
		case '"':
			s.cells = cells
			return begin
		}
	}
	s.cells = append(cells, text[begin:len(text):len(text)])
	return -1
}

const (
	lowBits  = 0x7f7f7f7f7f7f7f7f
	oneBytes = 0x0101010101010101
)

func repeated(b byte) uint64 { return uint64(b) * oneBytes }

// zeroBytes sets the top bit of each byte of the result that is zero in word,
// exactly: no bit more.
func zeroBytes(word uint64) uint64 {
	return ^((word&lowBits + lowBits) | word | lowBits)
}
