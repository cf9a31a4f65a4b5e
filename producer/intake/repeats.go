package intake

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/zeebo/xxh3"
)

// sortedInMemory is how many identities are held before they go to disk: 3 MB.
const sortedInMemory = 128 << 10

// runCount is how many files the identities are spread over by hash: each then
// holds a part of the rows that fits in memory at the largest file allowed.
const runCount = 64

// identity is the 128-bit hash of an identity cell and its row. Two cells of the
// same hash are taken for the same: at 10 million rows the odds of a mistake
// are below 1 in 10^24.
type identity struct {
	hi, lo uint64
	row    uint32
}

const identityBytes = 20

// repeats finds the rows whose identity stood in an earlier row, by an external
// sort of (hash, row). Row numbers fit 32 bits: the row limit is far below.
type repeats struct {
	dir   string
	limit int
	held  []identity
	files []*os.File
	bufs  []*bufio.Writer
}

func newRepeats(dir string, limit int) *repeats { return &repeats{dir: dir, limit: limit} }

// add notes a row.
func (r *repeats) add(cell []byte, row int64) error {
	h := xxh3.Hash128(cell)
	r.held = append(r.held, identity{h.Hi, h.Lo, uint32(row)})
	if len(r.held) < r.limit {
		return nil
	}
	return r.spill()
}

// spill moves what is held to disk.
func (r *repeats) spill() error {
	if r.files == nil {
		for range runCount {
			f, err := os.CreateTemp(r.dir, "identities-*")
			if err != nil {
				return fmt.Errorf("creating a sort file: %w", err)
			}
			r.files = append(r.files, f)
			r.bufs = append(r.bufs, bufio.NewWriterSize(f, 32<<10))
		}
	}
	var b [identityBytes]byte
	for _, e := range r.held {
		binary.BigEndian.PutUint64(b[0:], e.hi)
		binary.BigEndian.PutUint64(b[8:], e.lo)
		binary.BigEndian.PutUint32(b[16:], e.row)
		if _, err := r.bufs[e.hi%runCount].Write(b[:]); err != nil {
			return fmt.Errorf("writing a sort file: %w", err)
		}
	}
	r.held = r.held[:0]
	return nil
}

// find returns the repeated rows.
func (r *repeats) find() (*roaring.Bitmap, error) {
	set := roaring.New()
	if r.files == nil {
		mark(set, r.held)
		return set, nil
	}
	if err := r.spill(); err != nil {
		return nil, err
	}
	for i, f := range r.files {
		if err := r.bufs[i].Flush(); err != nil {
			return nil, fmt.Errorf("writing a sort file: %w", err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("reading a sort file: %w", err)
		}
		if err := r.load(f); err != nil {
			return nil, err
		}
		mark(set, r.held)
		r.held = r.held[:0]
	}
	return set, nil
}

// load reads one file of identities back.
func (r *repeats) load(f *os.File) error {
	in := bufio.NewReaderSize(f, 64<<10)
	var b [identityBytes]byte
	for {
		_, err := io.ReadFull(in, b[:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a sort file: %w", err)
		}
		r.held = append(r.held, identity{binary.BigEndian.Uint64(b[0:]), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint32(b[16:])})
	}
}

// mark adds every row but the first of each identity.
func mark(set *roaring.Bitmap, held []identity) {
	slices.SortFunc(held, func(a, b identity) int {
		return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo), cmp.Compare(a.row, b.row))
	})
	for i := 1; i < len(held); i++ {
		if held[i].hi == held[i-1].hi && held[i].lo == held[i-1].lo {
			set.Add(held[i].row)
		}
	}
}

// close removes the sort files. What cannot be removed lies in the temporary
// folder, which is swept at the next start.
func (r *repeats) close() {
	for _, f := range r.files {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	r.files, r.bufs, r.held = nil, nil, nil
}
