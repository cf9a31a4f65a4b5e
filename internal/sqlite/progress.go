package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
)

// sourceRow is a row of progress.
type sourceRow struct {
	id int64 // 0: there is none
	bulk.Progress
}

func readSource(c *sqlite.Conn, s bulk.Source) (row sourceRow, err error) {
	_, err = query(c, `SELECT id, next_offset, seq, published FROM progress WHERE cluster = ? AND topic = ? AND partition = ?`,
		func(st *sqlite.Stmt) error {
			row.id = st.ColumnInt64(0)
			row.Next, row.Seq, row.Published = st.ColumnInt64(1), st.ColumnInt64(2), st.ColumnInt64(3)
			return nil
		}, s.Cluster, s.Topic, s.Partition)
	if err != nil {
		return row, fmt.Errorf("read progress: %w", err)
	}
	return row, nil
}

func insertSource(c *sqlite.Conn, s bulk.Source, next int64) (sourceRow, error) {
	_, err := change(c, `INSERT INTO progress (cluster, topic, partition, next_offset) VALUES (?, ?, ?, ?)`,
		s.Cluster, s.Topic, s.Partition, next)
	if err != nil {
		return sourceRow{}, fmt.Errorf("begin progress: %w", err)
	}
	return sourceRow{id: c.LastInsertRowID(), Progress: bulk.Progress{Next: next}}, nil
}

// beginBatch returns the progress of a source that stands at from; ErrMoved if
// it stands elsewhere. A source that was never read begins where the batch does.
func beginBatch(c *sqlite.Conn, s bulk.Source, from int64) (sourceRow, error) {
	row, err := readSource(c, s)
	switch {
	case err != nil:
		return row, err
	case row.id == 0:
		return insertSource(c, s, from)
	case row.Next != from:
		return row, fmt.Errorf("batch begins at offset %d, progress stands at %d: %w", from, row.Next, bulk.ErrMoved)
	}
	return row, nil
}

func (r *sourceRow) save(c *sqlite.Conn) error {
	_, err := change(c, `UPDATE progress SET next_offset = ?, seq = ?, published = ? WHERE id = ?`,
		r.Next, r.Seq, r.Published, r.id)
	if err != nil {
		return fmt.Errorf("write progress: %w", err)
	}
	return nil
}

// Progress is bulk.ApplyStore.Progress.
func (s *Store) Progress(ctx context.Context, source bulk.Source) (p bulk.Progress, ok bool, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		row, err := readSource(c, source)
		p, ok = row.Progress, row.id != 0
		return err
	})
	return p, ok, err
}

// Restart is bulk.ApplyStore.Restart.
func (s *Store) Restart(ctx context.Context, source bulk.Source, from, to int64) error {
	return s.write(ctx, func(c *sqlite.Conn) error {
		row, err := readSource(c, source)
		if err != nil {
			return err
		}
		switch {
		case row.id == 0 && from == -1:
			if row, err = insertSource(c, source, to); err != nil {
				return err
			}
		case row.id == 0 || row.Next != from:
			return fmt.Errorf("restart from offset %d: %w", from, bulk.ErrMoved)
		}
		row.Next = to
		if err := row.save(c); err != nil {
			return err
		}
		return s.resendUnfinished(c)
	})
}
