package analytics_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"

	"sluice/internal/bulk"
)

var errFault = errors.New("made to fail")

// faults says what goes wrong, call after call; when it is used up nothing does.
type faults struct {
	mu   sync.Mutex
	plan []fault
	stop context.CancelFunc // ends the follower, as a dying process would
}

type fault uint8

const (
	faultNone fault = iota
	faultBefore
	faultAfter
	faultStopBefore
	faultStopAfter
)

const numFaults = int(faultStopAfter) + 1

// around calls effect, unless it is to fail before.
func (f *faults) around(effect func() error) error {
	f.mu.Lock()
	next := faultNone
	if len(f.plan) > 0 {
		next, f.plan = f.plan[0], f.plan[1:]
	}
	stop := f.stop
	f.mu.Unlock()
	if next == faultStopBefore || next == faultStopAfter {
		defer stop()
	}
	if next == faultBefore || next == faultStopBefore {
		return errFault
	}
	err := effect()
	if next != faultNone {
		return errFault
	}
	return err
}

func (f *faults) onStop(stop context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop = stop
}

// fakeLog is one partition's records.
type fakeLog struct {
	source bulk.Source
	mu     sync.Mutex
	first  int64
	end    int64
	list   []bulk.Record
	grown  chan struct{}
}

func newLog(source bulk.Source) *fakeLog {
	return &fakeLog{source: source, grown: make(chan struct{})}
}

// add appends a record; skip leaves offsets without a record in front of it.
func (l *fakeLog) add(rec bulk.Record, skip int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec.Offset, rec.Topic, rec.Partition = l.end+skip, l.source.Topic, l.source.Partition
	l.list = append(l.list, rec)
	l.end = rec.Offset + 1
	close(l.grown)
	l.grown = make(chan struct{})
}

// prune cuts the log's beginning off, or its end.
func (l *fakeLog) prune(first, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first, l.end = first, end
	l.list = slices.DeleteFunc(l.list, func(r bulk.Record) bool { return r.Offset < first || r.Offset >= end })
}

func (l *fakeLog) bounds() (first, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.end
}

// from returns the records from an offset on, or a channel that tells of more.
func (l *fakeLog) from(offset int64) ([]bulk.Record, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset < l.first || offset > l.end {
		return nil, nil, bulk.ErrOffsetOutOfRange
	}
	i, _ := slices.BinarySearchFunc(l.list, offset, func(r bulk.Record, o int64) int { return int(r.Offset - o) })
	return l.list[i:], l.grown, nil
}

// partition reads a log in random cuts. It hands out a copy that the next Fetch
// destroys.
type partition struct {
	*fakeLog
	at     int64
	rng    *rand.Rand
	maxCut int
	faults *faults
	last   []bulk.Record
}

func (p *partition) Source() bulk.Source { return p.source }
func (p *partition) SeekTo(offset int64) { p.at = offset }

func (p *partition) Lag() int64 {
	_, end := p.bounds()
	return end - p.at
}

func (p *partition) Bounds(context.Context) (first, end int64, err error) {
	first, end = p.bounds()
	return first, end, nil
}

func (p *partition) Durable(ctx context.Context) error         { return ctx.Err() }
func (p *partition) Commit(ctx context.Context, _ int64) error { return ctx.Err() }

func (p *partition) Fetch(ctx context.Context) ([]bulk.Record, int64, error) {
	for i := range p.last {
		for j := range p.last[i].Value {
			p.last[i].Value[j] = 0xff
		}
	}
	p.last = nil
	for {
		list, grown, err := p.from(p.at)
		if err != nil {
			return nil, 0, fmt.Errorf("fetch %d: %w", p.at, err)
		}
		if len(list) == 0 {
			select {
			case <-ctx.Done():
				return nil, 0, ctx.Err()
			case <-grown:
			}
			continue
		}
		if err := p.faults.around(func() error { return ctx.Err() }); err != nil {
			return nil, 0, err
		}
		for _, r := range list[:min(1+p.rng.IntN(p.maxCut), len(list))] {
			r.Value = slices.Clone(r.Value)
			p.last = append(p.last, r)
		}
		p.at = p.last[len(p.last)-1].Offset + 1
		return p.last, p.at, nil
	}
}

// memoryStore is bulk.AnalyticsStore.
type memoryStore struct {
	mu      sync.Mutex
	blocks  map[bulk.Source]recorded
	history map[bulk.Source][]recorded // every block that was recorded, once
	journal []bulk.JournalRow
	faults  *faults
}

type recorded struct {
	from, to int64
	isDone   bool
}

func newStore(f *faults) *memoryStore {
	return &memoryStore{blocks: map[bulk.Source]recorded{}, history: map[bulk.Source][]recorded{}, faults: f}
}

func (s *memoryStore) block(src bulk.Source) (recorded, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.blocks[src]
	return b, ok
}

func (s *memoryStore) AnalyticsBlock(_ context.Context, src bulk.Source) (from, to int64, done, ok bool, err error) {
	b, ok := s.block(src)
	return b.from, b.to, b.isDone, ok, nil
}

func (s *memoryStore) RecordBlock(_ context.Context, src bulk.Source, from, to int64) error {
	return s.faults.around(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.blocks[src] = recorded{from: from, to: to}
		s.history[src] = append(s.history[src], recorded{from: from, to: to})
		return nil
	})
}

func (s *memoryStore) ConfirmBlock(_ context.Context, src bulk.Source, from, to int64) error {
	return s.faults.around(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		b := s.blocks[src]
		if b.from != from || b.to != to {
			return bulk.ErrMoved
		}
		b.isDone = true
		s.blocks[src] = b
		return nil
	})
}

func (s *memoryStore) Journal(_ context.Context, fn func(bulk.JournalRow) error) error {
	for _, row := range s.journal {
		if err := s.faults.around(func() error { return fn(row) }); err != nil {
			return err
		}
	}
	return nil
}

// memorySink is bulk.AnalyticsSink: a token counts once in each table.
type memorySink struct {
	mu       sync.Mutex
	faults   *faults
	uploads  []bulk.AnalyticsUpload
	results  []bulk.AnalyticsResult
	changes  []bulk.AnalyticsChange
	tokens   map[string]any // by table and token: the rows sent
	mistakes []string
	largest  int
}

func newSink(f *faults) *memorySink { return &memorySink{faults: f, tokens: map[string]any{}} }

func (s *memorySink) InsertUploads(_ context.Context, token string, rows []bulk.AnalyticsUpload) error {
	return insert(s, "uploads/"+token, &s.uploads, rows)
}

func (s *memorySink) InsertResults(_ context.Context, token string, rows []bulk.AnalyticsResult) error {
	return insert(s, "results/"+token, &s.results, rows)
}

func (s *memorySink) InsertChanges(_ context.Context, token string, rows []bulk.AnalyticsChange) error {
	return insert(s, "changes/"+token, &s.changes, rows)
}

func insert[R any](s *memorySink, token string, table *[]R, rows []R) error {
	return s.faults.around(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.largest = max(s.largest, len(rows))
		if sent, ok := s.tokens[token]; ok {
			if !reflect.DeepEqual(sent, rows) {
				s.mistakes = append(s.mistakes, "other rows under the token "+token)
			}
			return nil
		}
		rows = slices.Clone(rows)
		s.tokens[token] = rows
		*table = append(*table, rows...)
		return nil
	})
}
