package tabular

import (
	"errors"
	"fmt"
	"io"
)

const (
	minWindowBytes = 4 << 10
	maxFirstBytes  = 128 << 10
	maxEmptyReads  = 100
)

// window is the part of the file that is held in memory. Positions inside it
// are relative to its first unread byte, since reading more may move it.
type window struct {
	src    io.Reader
	buf    []byte
	start  int
	end    int
	offset int64 // of buf[start] in the file
	err    error // why src gives no more: io.EOF or a wrapped error
}

func newWindow(src io.Reader, offset int64, lookAheadBytes int) window {
	size := min(max(2*lookAheadBytes, minWindowBytes), maxFirstBytes)
	return window{src: src, buf: make([]byte, size), offset: offset}
}

// unread returns the bytes held; more and advance make it stale.
func (w *window) unread() []byte { return w.buf[w.start:w.end] }

func (w *window) atEOF() bool { return errors.Is(w.err, io.EOF) }

// advance gives up the first n unread bytes. They stay in place until more.
func (w *window) advance(n int) {
	w.start += n
	w.offset += int64(n)
}

// more reads once, for at least one byte more, and reports whether there was
// one. Callers ask only while they hold less than their bound, so the buffer
// stays under about twice the largest bound.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	if w.end == len(w.buf) {
		w.makeRoom()
	}
	for range maxEmptyReads {
		n, err := w.src.Read(w.buf[w.end:])
		w.end += n
		if err != nil && !errors.Is(err, io.EOF) {
			err = fmt.Errorf("reading the file at byte %d: %w", w.offset+int64(w.end-w.start), err)
		}
		w.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	w.err = fmt.Errorf("reading the file at byte %d: %w", w.offset+int64(w.end-w.start), io.ErrNoProgress)
	return false
}

func (w *window) makeRoom() {
	kept := w.unread()
	if len(kept) > len(w.buf)/4*3 {
		w.buf = make([]byte, 2*len(w.buf))
	}
	w.end = copy(w.buf, kept)
	w.start = 0
}
