package sqlite

import (
	"context"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// Aggregate is bulk.AggregateStore.Aggregate.
func (s *Store) Aggregate(ctx context.Context, b *bulk.AggregateBatch, decide func([]bulk.Tally) (*bulk.AggregateWrite, error)) error {
	return s.writeAt(ctx, crash.AggregateCommit, func(c *sqlite.Conn) error {
		source, err := beginBatch(c, b.Source, b.From)
		if err != nil {
			return err
		}
		before := make([]bulk.Tally, len(b.Uploads))
		given := make([]bulk.Tally, len(b.Uploads))
		for i, upload := range b.Uploads {
			if before[i], err = readTally(c, upload); err != nil {
				return err
			}
			given[i] = before[i]
			given[i].Marks, given[i].Ends = slices.Clone(before[i].Marks), slices.Clone(before[i].Ends)
		}
		w, err := decide(given)
		if err != nil {
			return err
		}
		for i := range w.Tallies {
			at := slices.Index(b.Uploads, w.Tallies[i].Upload)
			if at < 0 {
				return fmt.Errorf("tally of upload %s is not of this batch", w.Tallies[i].Upload)
			}
			if err := s.writeTally(c, &w.Tallies[i], &before[at]); err != nil {
				return err
			}
		}
		if err := s.writeAggregate(c, w); err != nil {
			return err
		}
		source.Next = b.Next
		return source.save(c)
	})
}

// writeAggregate writes all but the tallies and the progress.
func (s *Store) writeAggregate(c *sqlite.Conn, w *bulk.AggregateWrite) error {
	for i := range w.Chunks {
		if err := writeChunk(c, &w.Chunks[i]); err != nil {
			return err
		}
	}
	for _, upload := range w.Resend {
		if err := s.resendGap(c, upload); err != nil {
			return err
		}
	}
	for _, upload := range w.Complete {
		n, err := change(c, `UPDATE upload SET state = 'finishing' WHERE id = ? AND state <> 'finished'`, upload)
		if err != nil {
			return fmt.Errorf("complete an upload: %w", err)
		}
		if n == 0 {
			continue
		}
		if err := addJob(c, bulk.JobFinish, upload); err != nil {
			return err
		}
	}
	return nil
}

func readTally(c *sqlite.Conn, uploadID string) (t bulk.Tally, err error) {
	_, err = query(c, `SELECT u.company, u.state, u.total, u.partitions,
		t.applied, t.unchanged, t.failed, t.unprocessed, t.warned, t.amount
		FROM upload u CROSS JOIN tally t ON t.upload = u.id WHERE u.id = ?`,
		func(st *sqlite.Stmt) (err error) {
			t.Known = true
			t.Company = st.ColumnText(0)
			t.Final = bulk.State(st.ColumnText(1)).IsFinal()
			t.Rows = st.ColumnInt64(2)
			if partitions := st.ColumnInt(3); partitions > 0 {
				t.Sources = partitions + 1
			}
			t.Counters, err = scanCounters(st, t.Rows, 4)
			return err
		}, uploadID)
	if err != nil {
		return t, fmt.Errorf("read a tally: %w", err)
	}
	t.Marks = make([]int64, t.Sources)
	ends := make([]int64, t.Sources)
	announced := 0
	_, err = query(c, `SELECT source, last_row, end_row FROM result_mark WHERE upload = ?`, func(st *sqlite.Stmt) error {
		source := st.ColumnInt(0)
		if source < 0 || source >= t.Sources {
			return fmt.Errorf("upload %s has no source %d", uploadID, source)
		}
		t.Marks[source] = st.ColumnInt64(1)
		if !st.ColumnIsNull(2) {
			ends[source] = st.ColumnInt64(2)
			announced++
		}
		return nil
	}, uploadID)
	if err != nil {
		return t, fmt.Errorf("read the marks of results: %w", err)
	}
	if announced > 0 && announced == t.Sources {
		t.Ends = ends
	}
	return t, nil
}

// writeTally writes what differs from before.
func (s *Store) writeTally(c *sqlite.Conn, w *bulk.TallyWrite, before *bulk.Tally) error {
	t := &w.Tally
	if len(t.Marks) != before.Sources || t.Ends != nil && len(t.Ends) != before.Sources {
		return fmt.Errorf("tally of upload %s has %d marks and %d ends, not %d", w.Upload, len(t.Marks), len(t.Ends), before.Sources)
	}
	n := &t.Counters
	_, err := change(c, `UPDATE tally SET applied = ?, unchanged = ?, failed = ?, unprocessed = ?, warned = ?, amount = ?, progress_at = ?
		WHERE upload = ?`,
		n.Applied, n.Unchanged, n.Failed, n.Unprocessed, n.Warned, n.Amount.String(), s.millis(), w.Upload)
	if err != nil {
		return fmt.Errorf("write a tally: %w", err)
	}
	for i := range t.Marks {
		var end any
		if t.Ends != nil {
			end = t.Ends[i]
		}
		if t.Marks[i] == before.Marks[i] && (t.Ends == nil || before.Ends != nil && t.Ends[i] == before.Ends[i]) {
			continue
		}
		_, err := change(c, `INSERT INTO result_mark (upload, source, last_row, end_row) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET last_row = ?3, end_row = coalesce(?4, end_row)`, w.Upload, i, t.Marks[i], end)
		if err != nil {
			return fmt.Errorf("write the marks of results: %w", err)
		}
	}
	return nil
}
