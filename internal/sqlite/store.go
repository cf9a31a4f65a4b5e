package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zeebo/xxh3"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"sluice/internal/bulk"
)

// readConnections bounds the reads that run at the same time; more wait.
const readConnections = 4

// Options say where the file is and what the store stands on.
type Options struct {
	Path   string        // of the database file; "-wal" and "-shm" lie beside it
	Codec  bulk.DocCodec // reads documents for Customer and SearchCustomers
	Now    func() time.Time
	Logger *slog.Logger
	// MappedBytes of the file are mapped into memory instead of being read; 0:
	// none. It spares about 2 µs of CPU per row with a million customers, and the
	// mapped pages count as resident memory of the process.
	MappedBytes int64

	hash      func(string) uint64 // of companies and customers; nil: xxh3
	walFrames int                 // 0: checkpointFrames
}

// Store is the store in one SQLite file. Safe for concurrent use.
type Store struct {
	codec bulk.DocCodec
	now   func() time.Time
	log   *slog.Logger
	hash  func(string) uint64

	turn    chan struct{} // size 1: whoever puts its token in may use writer
	closed  chan struct{} // closed by Close
	writer  *writer
	readers *sqlitex.Pool

	wrote      bulk.Signal // wakes the checkpointer after a commit
	checkpoint *sqlite.Conn
	walFrames  int // pages of the WAL from which it is written back
	stop       context.CancelFunc
	stopped    sync.WaitGroup
	closing    sync.Once
	closeErr   error
}

// Open makes the file if there is none, brings its tables to the newest schema
// and opens it. Close must follow.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := migrate(ctx, o.Path); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	s := &Store{
		codec: o.Codec, now: o.Now, log: o.Logger, hash: o.hash,
		turn:   make(chan struct{}, 1),
		closed: make(chan struct{}),
		wrote:  bulk.NewSignal(),

		walFrames: cmp.Or(o.walFrames, checkpointFrames),
	}
	if s.hash == nil {
		s.hash = xxh3.HashString
	}
	if err := s.connect(o); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, errors.Join(err, s.disconnect()))
	}
	// The checkpointer outlives the call: its end is Close.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.stopped.Go(func() { s.runCheckpoints(run) })
	return s, nil
}

func (s *Store) connect(o Options) (err error) {
	mapped := fmt.Sprintf(";PRAGMA mmap_size=%d", o.MappedBytes)
	if s.writer, err = openWriter(o.Path, writePragmas+mapped); err != nil {
		return err
	}
	if s.checkpoint, err = openConn(o.Path, sqlite.OpenReadWrite, checkpointPragmas); err != nil {
		return err
	}
	// Reading connections are opened for writing: one opened read-only could not
	// make the shared index of the WAL. query_only keeps them from writing.
	s.readers, err = sqlitex.NewPool(o.Path, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadWrite, PoolSize: readConnections,
		PrepareConn: func(c *sqlite.Conn) error { return setPragmas(c, readPragmas+mapped) },
	})
	return err
}

// Close waits for the transaction in hand and closes the file. Calls that come
// later fail. Safe to repeat.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.stop()
		s.turn <- struct{}{} // never given back
		s.stopped.Wait()
		s.closeErr = s.disconnect()
	})
	return s.closeErr
}

// disconnect closes what is open; the writer last, since the last connection
// empties the WAL.
func (s *Store) disconnect() error {
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.checkpoint != nil {
		errs = append(errs, s.checkpoint.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.conn.Close())
	}
	return errors.Join(errs...)
}

// millis is the store's time: milliseconds since the Unix epoch.
func (s *Store) millis() int64 { return s.now().UnixMilli() }
