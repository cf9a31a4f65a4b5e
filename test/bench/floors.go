package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/internal/broker"
	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/kafka"
	"sluice/internal/tabular"
)

const (
	floorUpload = "0199c0de-7a11-7c3e-9b1a-4d5e6f708192"
	// partitions of the embedded log, as the product makes them.
	floorPartitions = 2
	batchRows       = 1_000 // as the product has them
)

// floors measures the parser, the codec and the log by themselves.
func (b *bench) floors(ctx context.Context) error {
	b.say("floors: parser, codec, log")
	parser, err := b.timed("bare parser", nil, func() error { return eachLine(b.updateFile, func(*tabular.Row) error { return nil }) })
	if err != nil {
		return fmt.Errorf("bare parser: %w", err)
	}
	parser.fileBytes = b.updateFileBytes
	b.report.add(parser)
	if err := b.codecFloor(); err != nil {
		return fmt.Errorf("bare codec: %w", err)
	}
	if err := b.logFloor(ctx); err != nil {
		return fmt.Errorf("bare log: %w", err)
	}
	return nil
}

// timed measures work over all rows in this process, and in the servers if given.
func (b *bench) timed(name string, s *servers, work func() error) (line, error) {
	var postgres time.Duration
	var err error
	if s != nil {
		if postgres, err = familyCPU(s.postgresPID); err != nil {
			return line{}, err
		}
	}
	cpu, began := ownCPU(), time.Now()
	if err := work(); err != nil {
		return line{}, err
	}
	l := line{name: name, rows: b.rows, took: time.Since(began), cpu: ownCPU() - cpu}
	if s != nil {
		after, err := familyCPU(s.postgresPID)
		if err != nil {
			return line{}, err
		}
		l.postgresCPU = after - postgres
	}
	return l, nil
}

// eachLine reads a file as intake and split do.
func eachLine(path string, fn func(*tabular.Row) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	table, err := tabular.NewReader(f, tabular.DefaultLimits())
	if err != nil {
		return err
	}
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// eachRow judges the lines of an update file, as split does. The row is valid
// until fn returns.
func eachRow(path string, fn func(*bulk.Row) error) error {
	columns, err := fileColumns(path)
	if err != nil {
		return err
	}
	var judged customer.Judged
	var last [floorPartitions]int64
	return eachLine(path, func(line *tabular.Row) error {
		columns.Judge(line.Cells, customer.Options{}, &judged)
		if !judged.OK() {
			return fmt.Errorf("row %d is not good: %v", line.Number, judged.Errors)
		}
		row := bulk.Row{
			Upload: floorUpload, Company: company(), Kind: bulk.KindUpdate, Number: line.Number, Line: line.Line,
			Identity: judged.Identity, CustomerID: judged.CustomerID, Changes: judged.Changes, Amount: judged.Amount,
		}
		p := kafka.PartitionFor([]byte(company()+"/"+row.Identity), floorPartitions)
		row.Prev, last[p] = last[p], line.Number
		return fn(&row)
	})
}

func fileColumns(path string) (*customer.Columns, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	table, err := tabular.NewReader(f, tabular.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return customer.ParseHeader(table.Header().Names)
}

// sampleRows bounds what the codec's floor holds in memory; it goes over them again.
const sampleRows = 20_000

// codecFloor encodes and decodes row events.
func (b *bench) codecFloor() error {
	codec := event.NewCodec(event.DefaultIDs())
	var sample []bulk.Row
	enough := errors.New("enough")
	err := eachRow(b.updateFile, func(r *bulk.Row) error {
		if sample = append(sample, *r); len(sample) == sampleRows {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	l, err := b.timed("bare codec (row event, both ways)", nil, func() error {
		var buf []byte
		var row bulk.Row
		for i := range b.rows {
			buf = codec.AppendRow(buf[:0], &sample[i%len(sample)])
			if err := codec.DecodeRow(buf, &row); err != nil {
				return err
			}
		}
		return nil
	})
	b.report.add(l)
	return err
}

// logFloor sends the rows through an embedded broker and reads them back.
func (b *bench) logFloor(ctx context.Context) (err error) {
	log, err := broker.Open(ctx, broker.Options{Dir: b.path("floor-log"), Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	runCtx, stop := context.WithCancel(ctx)
	running := make(chan error, 1)
	go func() { running <- log.Run(runCtx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-running, log.Close())
	}()
	client, err := kafka.NewClient(kafka.Options{Brokers: []string{log.Addr()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if err := client.EnsureTopics(ctx, []kafka.TopicConfig{{Name: bulk.TopicUpdates, Partitions: floorPartitions, ReplicationFactor: -1}}); err != nil {
		return err
	}
	producer, err := client.NewProducer(ctx)
	if err != nil {
		return err
	}
	pages, err := b.encoded()
	if err != nil {
		return err
	}
	l, err := b.timed("bare log (embedded, produce and fetch)", nil, func() error {
		var g errgroup.Group
		g.Go(func() error { return produceAll(ctx, log, producer, pages, b.rows) })
		counts := make(chan int, 64)
		readCtx, enough := context.WithCancel(ctx)
		defer enough()
		for p := range floorPartitions {
			g.Go(func() error { return countRecords(readCtx, client, int32(p), counts) })
		}
		for left := b.rows; left > 0; {
			select {
			case n := <-counts:
				left -= n
			case <-ctx.Done():
				left = 0
			}
		}
		enough()
		return g.Wait()
	})
	b.report.add(l)
	return err
}

// encoded is a sample of row events, in batches as the split makes them.
func (b *bench) encoded() ([][]kafka.Record, error) {
	codec := event.NewCodec(event.DefaultIDs())
	var pages [][]kafka.Record
	enough := errors.New("enough")
	n := 0
	err := eachRow(b.updateFile, func(r *bulk.Row) error {
		if n%1000 == 0 {
			if n == sampleRows {
				return enough
			}
			pages = append(pages, nil)
		}
		n++
		rec := codec.RowRecord(nil, r, kafka.PartitionFor([]byte(company()+"/"+r.Identity), floorPartitions))
		out := kafka.Record{Topic: rec.Topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value}
		for _, h := range rec.Headers {
			out.Headers = append(out.Headers, kafka.Header(h))
		}
		page := &pages[len(pages)-1]
		*page = append(*page, out)
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return pages, err
}

func produceAll(ctx context.Context, log *broker.Broker, producer *kafka.Producer, pages [][]kafka.Record, rows int) error {
	for i := 0; rows > 0; i++ {
		page := pages[i%len(pages)]
		page = page[:min(len(page), rows)]
		if err := producer.Produce(ctx, page); err != nil {
			return err
		}
		if err := log.Barrier(ctx); err != nil {
			return err
		}
		rows -= len(page)
	}
	return nil
}

func countRecords(ctx context.Context, client *kafka.Client, partition int32, counts chan<- int) error {
	err := client.Read(ctx, bulk.TopicUpdates, partition, kafka.First, func(batch *kafka.Batch) error {
		select {
		case counts <- len(batch.Records):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if ctx.Err() == nil {
		return err
	}
	return nil
}
