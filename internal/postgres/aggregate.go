package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/crash"
	"sluice/internal/customer"
)

// countedTally is a tally with the version it was read at.
type countedTally struct {
	bulk.Tally
	version int64
}

// Aggregate is bulk.AggregateStore.Aggregate, in two trips like Apply.
func (s *Store) Aggregate(ctx context.Context, b *bulk.AggregateBatch, decide func([]bulk.Tally) (*bulk.AggregateWrite, error)) error {
	return s.again(ctx, func() error { return s.aggregateOnce(ctx, b, decide) })
}

func (s *Store) aggregateOnce(ctx context.Context, b *bulk.AggregateBatch, decide func([]bulk.Tally) (*bulk.AggregateWrite, error)) error {
	source, before, err := s.readTallies(ctx, b)
	if err != nil {
		return err
	}
	given := make([]bulk.Tally, len(before))
	for i := range before {
		given[i] = before[i].Tally
		given[i].Marks, given[i].Ends = slices.Clone(before[i].Marks), slices.Clone(before[i].Ends)
	}
	w, err := decide(given)
	if err != nil {
		return err
	}
	statements := []statement{source.move(b.Source, bulk.Progress{Next: b.Next, Seq: source.Seq})}
	tallies, err := writeTallies(b, w.Tallies, before)
	if err != nil {
		return err
	}
	statements = append(statements, tallies...)
	if len(w.Chunks) > 0 {
		statements = append(statements, writeChunks(w.Chunks))
	}
	if len(w.Resend) > 0 {
		statements = append(statements, statement{resendGaps, []any{storable(w.Resend)}})
	}
	if len(w.Complete) > 0 {
		statements = append(statements, statement{completeUploads, []any{storable(w.Complete)}})
	}
	if _, err := burst(ctx, s.general, crash.AggregateCommit, nil, statements); err != nil {
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}

// completeUploads makes a finish job for each of the uploads $1 that is not final.
const completeUploads = `WITH complete AS (
		UPDATE upload SET state = 'finishing' WHERE id = ANY($1::text[]) AND state <> 'finished' RETURNING id, total
	)
	INSERT INTO job (kind, upload, fence, total) SELECT 'finish', id, 0, total FROM complete ORDER BY id ON CONFLICT DO NOTHING`

// readTallies reads the tallies beside the batch's uploads.
func (s *Store) readTallies(ctx context.Context, b *bulk.AggregateBatch) (source sourceRow, found []countedTally, err error) {
	found = make([]countedTally, len(b.Uploads))
	var reads pgx.Batch
	reads.Queue(selectSource, b.Source.Cluster, b.Source.Topic, b.Source.Partition).QueryRow(func(row pgx.Row) (err error) {
		source, err = scanSource(row)
		return err
	})
	if len(b.Uploads) > 0 {
		// Counts before marks: marks newer than the counts are found out by their version.
		queueTallies(&reads, b.Uploads, found)
		queueResultMarks(&reads, b.Uploads, found)
	}
	if err := s.general.SendBatch(ctx, &reads).Close(); err != nil {
		return source, nil, fmt.Errorf("read tallies: %w", wrap(err))
	}
	return source, found, source.beginsAt(b.From)
}

func queueTallies(reads *pgx.Batch, uploads []string, found []countedTally) {
	reads.Queue(`SELECT k.number, u.company, u.state = 'finished', u.partitions, t.version, `+counterColumns+`
		FROM unnest($1::text[]) WITH ORDINALITY AS k(upload, number)
		JOIN upload u ON u.id = k.upload JOIN tally t ON t.upload = u.id`, storable(uploads)).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			t := countedTally{Tally: bulk.Tally{Known: true}}
			var number int64
			var partitions int
			var amount string
			to := append([]any{&number, &t.Company, &t.Final, &partitions, &t.version}, counterTargets(&t.Counters, &amount)...)
			if err := rows.Scan(to...); err != nil {
				return fmt.Errorf("read a tally: %w", err)
			}
			var err error
			if t.Counters.Amount, err = customer.ParseDecimal(amount); err != nil {
				return fmt.Errorf("decode an amount: %w", err)
			}
			t.Rows = t.Counters.Total
			if partitions > 0 {
				t.Sources = partitions + 1
			}
			t.Marks = make([]int64, t.Sources)
			found[number-1] = t
		}
		return rows.Err()
	})
}

func queueResultMarks(reads *pgx.Batch, uploads []string, found []countedTally) {
	reads.Queue(`SELECT k.number, m.source, m.last_row, m.end_row
		FROM unnest($1::text[]) WITH ORDINALITY AS k(upload, number) JOIN result_mark m ON m.upload = k.upload`, storable(uploads)).
		Query(func(rows pgx.Rows) error {
			ends := make([][]int64, len(found))
			announced := make([]int, len(found))
			for rows.Next() {
				var number, last int64
				var source int
				var end *int64
				if err := rows.Scan(&number, &source, &last, &end); err != nil {
					return fmt.Errorf("read the marks of results: %w", err)
				}
				i := number - 1
				t := &found[i]
				if source < 0 || source >= t.Sources {
					return fmt.Errorf("upload %s has no source %d", uploads[i], source)
				}
				t.Marks[source] = last
				if end != nil {
					if ends[i] == nil {
						ends[i] = make([]int64, t.Sources)
					}
					ends[i][source] = *end
					announced[i]++
				}
			}
			for i := range found {
				if announced[i] > 0 && announced[i] == found[i].Sources {
					found[i].Ends = ends[i]
				}
			}
			return rows.Err()
		})
}
