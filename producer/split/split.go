package split

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"sluice/internal/bulk"
	"sluice/internal/crash"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/tabular"
)

// Options say how uploads are split.
type Options struct {
	Store     bulk.SplitStore
	Files     bulk.Files
	Publisher bulk.Publisher
	Codec     *event.Codec
	Limits    tabular.Limits
	// Partitions returns the partition count of customer.updates now.
	Partitions func(ctx context.Context) (int32, error)
	// PartitionFor returns the partition of a key, as every client of the topic does.
	PartitionFor func(key []byte, partitions int) int32
	// WindowRows and WindowBytes bound what all uploads of this process together
	// have on the log without a result; uploads share them evenly.
	WindowRows  int64
	WindowBytes int64
	Logger      *slog.Logger
	Metrics     *Metrics
}

const (
	batchRows  = 2_000
	batchBytes = 1 << 20
	// checkpointRows bounds what is split again after a crash.
	checkpointRows = 10_000
	// turn is how long an upload is split before others get theirs.
	turn = 2 * time.Second
	// maxResultBytes keeps a result event under the log's limit of 900 KB.
	maxResultBytes = 800 << 10
	// maxRowEventBytes is the largest encoded row; a larger one fails alone.
	maxRowEventBytes = 256 << 10
)

// Splitter splits uploads. Safe for concurrent use.
type Splitter struct {
	o      Options
	window *window
}

// New returns a splitter.
func New(o Options) *Splitter {
	return &Splitter{o: o, window: newWindow(o.WindowRows, o.WindowBytes)}
}

// Counted tells the splitter that rows of some upload were counted, so that a
// full window is looked at again at once.
func (s *Splitter) Counted() { s.window.counted() }

// checkpoint is the state of a split between two batches, all of it durable on
// the log.
type checkpoint struct {
	Position tabular.Position `json:"position"`
	// Last is the last row sent to each source: a partition, or the split's own
	// results behind them.
	Last  []int64 `json:"last"`
	Bytes int64   `json:"bytes"` // of row and result events so far
}

// run is the splitting of one upload in one turn.
type run struct {
	*Splitter
	lease   *bulk.Lease
	upload  *bulk.Upload
	columns *customer.Columns
	repeats *roaring.Bitmap
	at      checkpoint
	saved   int64 // row of the last stored checkpoint

	judged  customer.Judged
	row     bulk.Row
	key     []byte
	out     *event.Builder // records since the last flush
	bytes   int            // of row events among them
	results []bulk.Result  // of rejected rows since the last flush
}

// Do is the work of one bulk.JobSplit.
func (s *Splitter) Do(ctx context.Context, l *bulk.Lease) error {
	partitions, err := s.o.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("counting partitions: %w", err)
	}
	u, err := s.o.Store.BeginSplit(ctx, l.Upload, partitions)
	if err != nil {
		return fmt.Errorf("beginning the split: %w", err)
	}
	if u.State.IsFinal() {
		return nil
	}
	if u.Partitions > partitions {
		return fmt.Errorf("upload was split over %d partitions and the topic has %d: restore the topic's partitions", u.Partitions, partitions)
	}
	r := &run{Splitter: s, lease: l, upload: u, out: s.o.Codec.NewBuilder()}
	if err := r.restore(); err != nil {
		return err
	}
	s.window.enter()
	defer s.window.leave()
	began := time.Now()
	defer func() { s.o.Metrics.Seconds.Observe(time.Since(began).Seconds()) }()
	return r.run(ctx)
}

// restore reads the checkpoint.
func (r *run) restore() error {
	if len(r.lease.State) > 0 {
		if err := json.Unmarshal(r.lease.State, &r.at); err != nil {
			return fmt.Errorf("reading the checkpoint: %w", err)
		}
	}
	if len(r.at.Last) != r.upload.SourceCount() {
		r.at = checkpoint{Last: make([]int64, r.upload.SourceCount())}
	}
	r.saved = r.at.Position.Row
	return nil
}

// run splits from the checkpoint to the end of the file or of the turn.
func (r *run) run(ctx context.Context) error {
	if err := r.loadRepeats(ctx); err != nil {
		return err
	}
	table, closer, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer closer.Close() //nolint:errcheck // only read from
	began := time.Now()
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return r.finish(ctx, table)
		}
		if err != nil {
			return fmt.Errorf("reading the spool at row %d: %w", r.at.Position.Row+1, err)
		}
		r.split(row)
		if len(r.out.Records())+len(r.results) < batchRows && r.bytes < batchBytes {
			continue
		}
		if err := r.flush(ctx, table.Position()); err != nil {
			return err
		}
		if time.Since(began) > turn {
			return r.yield(ctx)
		}
	}
}

// open opens the spool where the checkpoint stands.
func (r *run) open(ctx context.Context) (*tabular.Reader, io.Closer, error) {
	name := bulk.SpoolName(r.upload.ID)
	file, err := r.o.Files.Open(ctx, name, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the spool: %w", err)
	}
	table, err := tabular.NewReader(file, r.o.Limits)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the spool's header: %w", err), file.Close())
	}
	if r.columns, err = customer.ParseHeader(table.Header().Names); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the spool's header: %w", err), file.Close())
	}
	if r.at.Position.Row == 0 {
		return table, file, nil
	}
	header := table.Header()
	if err := file.Close(); err != nil {
		return nil, nil, fmt.Errorf("closing the spool: %w", err)
	}
	if file, err = r.o.Files.Open(ctx, name, r.at.Position.Offset); err != nil {
		return nil, nil, fmt.Errorf("opening the spool at byte %d: %w", r.at.Position.Offset, err)
	}
	return tabular.Resume(file, header, r.at.Position, r.o.Limits), file, nil
}

// loadRepeats reads the set of repeated rows; without one there are none.
func (r *run) loadRepeats(ctx context.Context) error {
	r.repeats = roaring.New()
	file, err := r.o.Files.Open(ctx, bulk.RepeatsName(r.upload.ID), 0)
	if errors.Is(err, bulk.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the set of repeats: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	if _, err := r.repeats.ReadFrom(file); err != nil {
		return fmt.Errorf("reading the set of repeats: %w", err)
	}
	return nil
}

// flush puts the batch on the log and moves the position.
func (r *run) flush(ctx context.Context, to tabular.Position) error {
	if err := r.send(ctx); err != nil {
		return err
	}
	r.at.Position = to
	if err := r.await(ctx); err != nil {
		return err
	}
	if to.Row-r.saved < checkpointRows {
		return nil
	}
	return r.save(ctx)
}

// send publishes what was gathered.
func (r *run) send(ctx context.Context) error {
	r.flushResults()
	crash.Before(crash.SplitProduce)
	records := r.out.Records()
	if err := r.o.Publisher.Publish(ctx, records); err != nil {
		return fmt.Errorf("publishing rows after row %d: %w", r.at.Position.Row, err)
	}
	crash.After(crash.SplitProduce)
	r.o.Metrics.Events.Add(float64(len(records)))
	r.out.Reset()
	r.bytes = 0
	return nil
}

// flushResults turns the gathered rejections into result records.
func (r *run) flushResults() {
	if len(r.results) == 0 {
		return
	}
	source := r.upload.SplitSource()
	last := r.results[len(r.results)-1].Row
	first := len(r.out.Records())
	r.out.Results(&bulk.ResultBatch{
		Upload: r.upload.ID, Company: r.upload.Company, Source: source,
		Prev: r.at.Last[source], Last: last, Results: r.results,
	}, maxResultBytes)
	for _, rec := range r.out.Records()[first:] {
		r.at.Bytes += int64(len(rec.Value))
	}
	r.at.Last[source] = last
	r.results = nil
}

// save stores the checkpoint: everything before it is durable on the log.
func (r *run) save(ctx context.Context) error {
	state, err := json.Marshal(&r.at)
	if err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	if err := r.lease.Checkpoint(ctx, state); err != nil {
		return fmt.Errorf("storing the checkpoint at row %d: %w", r.at.Position.Row, err)
	}
	r.saved = r.at.Position.Row
	return nil
}

// yield ends the turn at a checkpoint.
func (r *run) yield(ctx context.Context) error {
	if err := r.save(ctx); err != nil {
		return err
	}
	return bulk.ErrYield
}

// finish sends the rest and announces where each source ends.
func (r *run) finish(ctx context.Context, table *tabular.Reader) error {
	r.flushResults()
	rows := table.Position().Row
	if rows != r.upload.Counters.Total {
		return fmt.Errorf("spool has %d rows and %d were accepted: the file store changed it", rows, r.upload.Counters.Total)
	}
	r.out.Results(&bulk.ResultBatch{
		Upload: r.upload.ID, Company: r.upload.Company, Source: r.upload.SplitSource(), Ends: r.at.Last, Rows: rows,
	}, maxResultBytes)
	crash.Before(crash.SplitFinished)
	if err := r.send(ctx); err != nil {
		return err
	}
	crash.After(crash.SplitFinished)
	return nil
}

// await holds the upload back while its share of the window is full.
func (r *run) await(ctx context.Context) error {
	for {
		room, seen := r.window.share(r.at.Bytes, r.at.Position.Row)
		if room >= r.at.Position.Row { // no more rows split than may be under way: no need to ask
			return nil
		}
		counted, err := r.o.Store.RowsCounted(ctx, r.upload.ID)
		if err != nil {
			return fmt.Errorf("asking how many rows are counted: %w", err)
		}
		if r.at.Position.Row-counted <= room {
			return nil
		}
		if err := r.window.wait(ctx, seen); err != nil {
			return err
		}
	}
}
