package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// journalPage is how many journal rows are held in memory while they are read
// one after the other; a body is at most a few hundred kilobytes.
const journalPage = 16

// appendJournal writes the batch's journal row, if it has one, under the next
// number of its source.
func appendJournal(c *sqlite.Conn, source *sourceRow, b *bulk.ApplyBatch, w *bulk.ApplyWrite) error {
	if w.Journal == nil {
		return nil
	}
	if b.Seq != source.Seq+1 {
		return fmt.Errorf("journal row %d follows %d: %w", b.Seq, source.Seq, bulk.ErrMoved)
	}
	source.Seq = b.Seq
	if _, err := change(c, `INSERT INTO journal (source, seq, body) VALUES (?, ?, ?)`, source.id, b.Seq, w.Journal); err != nil {
		return fmt.Errorf("append to the journal: %w", err)
	}
	id := c.LastInsertRowID()
	for _, upload := range w.JournalUploads {
		if _, err := change(c, `INSERT OR IGNORE INTO journal_upload (upload, journal) VALUES (?, ?)`, upload, id); err != nil {
			return fmt.Errorf("append to the journal: %w", err)
		}
	}
	return nil
}

// Unpublished is bulk.ApplyStore.Unpublished.
func (s *Store) Unpublished(ctx context.Context, source bulk.Source, after int64, limit int) ([]bulk.JournalRow, error) {
	var rows []bulk.JournalRow
	err := s.read(ctx, func(c *sqlite.Conn) error {
		_, err := query(c, `SELECT j.seq, j.body FROM progress p JOIN journal j ON j.source = p.id
			WHERE p.cluster = ? AND p.topic = ? AND p.partition = ? AND j.seq > ? ORDER BY j.seq LIMIT ?`,
			func(st *sqlite.Stmt) error {
				rows = append(rows, bulk.JournalRow{Source: source, Seq: st.ColumnInt64(0), Body: blob(st, 1)})
				return nil
			}, source.Cluster, source.Topic, source.Partition, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return rows, nil
}

// MarkPublished is bulk.ApplyStore.MarkPublished.
func (s *Store) MarkPublished(ctx context.Context, source bulk.Source, seq int64) error {
	return s.writeAt(ctx, crash.JournalMark, func(c *sqlite.Conn) error {
		_, err := change(c, `UPDATE progress SET published = ?4
			WHERE cluster = ?1 AND topic = ?2 AND partition = ?3 AND published < ?4`,
			source.Cluster, source.Topic, source.Partition, seq)
		if err != nil {
			return fmt.Errorf("move the published mark: %w", err)
		}
		return nil
	})
}

// UnpublishedJournal is bulk.ReadStore.UnpublishedJournal.
func (s *Store) UnpublishedJournal(ctx context.Context, cluster string) (n int64, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		// Numbers have no gaps within a source.
		_, err := query(c, `SELECT coalesce(sum(max(seq - published, 0)), 0) FROM progress WHERE cluster = ?`, func(st *sqlite.Stmt) error {
			n = st.ColumnInt64(0)
			return nil
		}, cluster)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count the journal: %w", err)
	}
	return n, nil
}

// UploadJournal is bulk.JournalStore.UploadJournal.
func (s *Store) UploadJournal(ctx context.Context, uploadID string, fn func(bulk.JournalRow) error) error {
	return s.eachJournalRow(ctx, `SELECT j.id, p.cluster, p.topic, p.partition, j.seq, j.body
		FROM journal_upload u CROSS JOIN journal j ON j.id = u.journal CROSS JOIN progress p ON p.id = j.source
		WHERE u.upload = ?3 AND u.journal > ?1 ORDER BY u.journal LIMIT ?2`, fn, uploadID)
}

// Journal is bulk.AnalyticsStore.Journal.
func (s *Store) Journal(ctx context.Context, fn func(bulk.JournalRow) error) error {
	return s.eachJournalRow(ctx, `SELECT j.id, p.cluster, p.topic, p.partition, j.seq, j.body
		FROM journal j CROSS JOIN progress p ON p.id = j.source
		WHERE j.id > ?1 ORDER BY j.id LIMIT ?2`, fn)
}

// eachJournalRow reads a page, gives the connection back and calls fn: fn may
// take its time. Rows come in the order of their commits.
func (s *Store) eachJournalRow(ctx context.Context, text string, fn func(bulk.JournalRow) error, args ...any) error {
	after := int64(0)
	for {
		var page []bulk.JournalRow
		err := s.read(ctx, func(c *sqlite.Conn) error {
			_, err := query(c, text, func(st *sqlite.Stmt) error {
				after = st.ColumnInt64(0)
				page = append(page, bulk.JournalRow{
					Source: bulk.Source{Cluster: st.ColumnText(1), Topic: st.ColumnText(2), Partition: st.ColumnInt32(3)},
					Seq:    st.ColumnInt64(4),
					Body:   blob(st, 5),
				})
				return nil
			}, append([]any{after, journalPage}, args...)...)
			return err
		})
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		for _, row := range page {
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(page) < journalPage {
			return nil
		}
	}
}
