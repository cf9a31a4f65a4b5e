package split_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/event"
	"sluice/internal/kafka"
	"sluice/internal/tabular"
	"sluice/producer/split"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a store, files and a log with three partitions of customer.updates.
type rig struct {
	t       *testing.T
	store   bulktest.FullStore
	files   *bulktest.Files
	log     *bulktest.Log
	codec   *event.Codec
	options split.Options
	publish func(ctx context.Context, records []bulk.Record) error // nil: the log's
}

const partitions = 3

// inBubble runs a test on virtual time over a new rig.
func inBubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	bulktest.PrepareDatabase(t)
	synctest.Test(t, func(t *testing.T) {
		r := &rig{
			t: t, store: bulktest.NewStore(t, time.Now), files: bulktest.NewFiles(), codec: bulktest.Codec(),
			log: bulktest.NewLog("cluster-1", bulktest.DefaultTopics(partitions, 1)),
		}
		r.options = split.Options{
			Files: r.files, Publisher: r, Codec: r.codec, Limits: tabular.DefaultLimits(),
			Partitions:   func(context.Context) (int32, error) { return partitions, nil },
			PartitionFor: kafka.PartitionFor, WindowRows: 1 << 40, WindowBytes: 1 << 40,
			Logger: bulktest.NoLog(), Metrics: split.NewMetrics(prometheus.NewRegistry()),
		}
		test(t, r)
	})
}

// Publish implements bulk.Publisher.
func (r *rig) Publish(ctx context.Context, records []bulk.Record) error {
	if r.publish != nil {
		return r.publish(ctx, records)
	}
	return r.log.Publish(ctx, records)
}

// accept makes an upload of a file; repeats are its repeated rows.
func (r *rig) accept(id string, file *bulktest.Table, repeats []uint32, options ...func(*bulk.Upload)) {
	r.t.Helper()
	u := bulktest.NewUpload(id)
	u.Counters.Total = int64(file.Rows())
	for _, o := range options {
		o(u)
	}
	r.files.Put(bulk.SpoolName(id), file.Bytes())
	if len(repeats) > 0 {
		set, err := roaring.BitmapOf(repeats...).ToBytes()
		if err != nil {
			r.t.Fatal(err)
		}
		r.files.Put(bulk.RepeatsName(id), set)
	}
	if _, _, err := r.store.Accept(r.t.Context(), u); err != nil {
		r.t.Fatal(err)
	}
}

// work begins a process that splits; end stops it and waits for it.
func (r *rig) work(name string) (s *split.Splitter, end func()) {
	o := r.options
	o.Store = r.store
	s = split.New(o)
	runner := &bulk.JobRunner{
		Store: r.store, Kind: bulk.JobSplit, Owner: name, Parallel: 4, TTL: 3 * time.Second, Poll: 500 * time.Millisecond,
		Logger: bulktest.NoLog(), Do: s.Do,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("the runner returned %v", err)
		}
	}
}

// splitAll splits all there is.
func (r *rig) splitAll() {
	_, end := r.work("process")
	bulktest.Rest(r.t.Context(), 40*time.Second)
	end()
}

// told is what the records of one upload say, as its consumers understand it.
type told struct {
	rows    []bulk.Row    // by the prev rule, in row order
	events  [][]byte      // their values
	results []bulk.Result // of the split, by its rule
	ends    []int64
	total   int64
}

// read reads the log as the consumers do: what comes twice counts once, and what
// is behind a gap is an error, unless it was lost.
func (r *rig) read(upload string) told {
	r.t.Helper()
	var out told
	type at struct {
		row   bulk.Row
		value []byte
	}
	var rows []at
	marks := make([]int64, partitions)
	for _, rec := range r.log.History(bulk.TopicUpdates) {
		var row bulk.Row
		if err := r.codec.DecodeRow(rec.Value, &row); err != nil {
			r.t.Fatal(err)
		}
		switch mark := &marks[rec.Partition]; {
		case row.Upload != upload || row.Number <= *mark:
		case row.Prev != *mark:
			r.t.Fatalf("row %d follows %d and the mark of partition %d is %d", row.Number, row.Prev, rec.Partition, *mark)
		default:
			*mark = row.Number
			rows = append(rows, at{row, rec.Value})
		}
		if got := kafka.PartitionFor(rec.Key, partitions); got != rec.Partition {
			r.t.Fatalf("key %s is in partition %d, not %d", rec.Key, rec.Partition, got)
		}
	}
	slices.SortFunc(rows, func(a, b at) int { return int(a.row.Number - b.row.Number) })
	for _, a := range rows {
		out.rows, out.events = append(out.rows, a.row), append(out.events, a.value)
	}
	r.readResults(upload, &out)
	if out.ends != nil && !slices.Equal(out.ends[:partitions], marks) {
		r.t.Errorf("ends are %v and the marks %v", out.ends, marks)
	}
	return out
}

func (r *rig) readResults(upload string, out *told) {
	r.t.Helper()
	mark := int64(0)
	for _, rec := range r.log.History(bulk.TopicResults) {
		var b bulk.ResultBatch
		if err := r.codec.DecodeResults(rec.Value, &b); err != nil {
			r.t.Fatal(err)
		}
		switch {
		case b.Upload != upload:
		case b.Ends != nil:
			if out.ends != nil && !slices.Equal(out.ends, b.Ends) {
				r.t.Fatalf("ends are %v and then %v", out.ends, b.Ends)
			}
			out.ends, out.total = b.Ends, b.Rows
		case b.Last <= mark:
		case b.Prev > mark:
			r.t.Fatalf("results begin behind row %d and the mark is %d", b.Prev, mark)
		default:
			for _, res := range b.Results {
				if res.Row > mark {
					out.results = append(out.results, res)
				}
			}
			mark = b.Last
		}
	}
	if out.ends != nil && out.ends[partitions] != mark {
		r.t.Errorf("the split's own results end at %d, announced was %d", mark, out.ends[partitions])
	}
}

// said gives every row of the file as "row what", in row order.
func (o *told) said() []string {
	words := map[int64]string{}
	for _, row := range o.rows {
		words[row.Number] = fmt.Sprintf("%d event", row.Number)
		for _, w := range row.Warnings {
			words[row.Number] += " " + string(w.Code)
		}
	}
	for _, res := range o.results {
		words[res.Row] += fmt.Sprintf("%d %s", res.Row, res.Status)
		for _, e := range slices.Concat(res.Errors, res.Warnings) {
			words[res.Row] += " " + string(e.Code)
		}
	}
	out := make([]string, 0, len(words))
	for n := int64(1); n <= o.total; n++ {
		out = append(out, words[n])
	}
	return out
}
