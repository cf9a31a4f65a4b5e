package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// Apply is bulk.ApplyStore.Apply. decide runs while this batch has the turn to
// write, and runs again when a customer looked refused.
func (s *Store) Apply(ctx context.Context, b *bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error)) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.giveTurn()
	err := s.apply(b, decide, s.writeCustomers)
	var r *refusal
	if errors.As(err, &r) {
		err = s.apply(b, decide, s.writeCarefully)
	}
	return err
}

// apply is one attempt at a batch, as one transaction.
func (s *Store) apply(b *bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error), customers func([]bulk.CustomerWrite) error) error {
	return s.transact(crash.ApplyCommit, func(c *sqlite.Conn) error {
		source, err := beginBatch(c, b.Source, b.From)
		if err != nil {
			return err
		}
		view, err := s.applyView(c, b)
		if err != nil {
			return err
		}
		w, err := decide(view)
		if err != nil {
			return err
		}
		if err := customers(w.Customers); err != nil {
			return err
		}
		for _, m := range w.Marks {
			if err := moveApplyMark(c, b.Source.Partition, m); err != nil {
				return err
			}
		}
		if err := appendJournal(c, &source, b, w); err != nil {
			return err
		}
		for _, upload := range w.Resend {
			if err := s.resendGap(c, upload); err != nil {
				return err
			}
		}
		source.Next = b.Next
		source.Published = max(source.Published, b.Published)
		return source.save(c)
	})
}

func (s *Store) applyView(c *sqlite.Conn, b *bulk.ApplyBatch) (*bulk.ApplyView, error) {
	view := &bulk.ApplyView{Marks: make([]bulk.UploadMark, len(b.Uploads))}
	for i, upload := range b.Uploads {
		m, err := readApplyMark(c, upload, b.Source.Partition)
		if err != nil {
			return nil, err
		}
		view.Marks[i] = m
	}
	var err error
	view.Found, err = s.findCustomers(b.Keys)
	return view, err
}

func readApplyMark(c *sqlite.Conn, upload string, partition int32) (m bulk.UploadMark, err error) {
	_, err = query(c, `SELECT u.company, u.state, u.cancelled, coalesce(m.last_row, 0)
		FROM upload u LEFT JOIN apply_mark m ON m.upload = u.id AND m.partition = ?2
		WHERE u.id = ?1`,
		func(st *sqlite.Stmt) error {
			m = bulk.UploadMark{
				Known:     true,
				Company:   st.ColumnText(0),
				Final:     bulk.State(st.ColumnText(1)).IsFinal(),
				Cancelled: st.ColumnInt(2) != 0,
				Last:      st.ColumnInt64(3),
			}
			return nil
		}, upload, partition)
	if err != nil {
		return m, fmt.Errorf("read the mark of an upload: %w", err)
	}
	return m, nil
}

func moveApplyMark(c *sqlite.Conn, partition int32, m bulk.MarkMove) error {
	text := `UPDATE apply_mark SET last_row = ?3 WHERE upload = ?1 AND partition = ?2 AND last_row = ?4`
	if m.From == 0 {
		text = `INSERT INTO apply_mark (upload, partition, last_row) VALUES (?1, ?2, ?3)
			ON CONFLICT DO UPDATE SET last_row = ?3 WHERE last_row = ?4`
	}
	n, err := change(c, text, m.Upload, partition, m.To, m.From)
	if err != nil {
		return fmt.Errorf("move the mark of an upload: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("mark of upload %s is not at row %d: %w", m.Upload, m.From, bulk.ErrMoved)
	}
	return nil
}
