package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// journalPage is how many journal rows are held in memory while they are read
// one after the other; a body is at most a few hundred kilobytes.
const journalPage = 16

// appendJournal writes the batch's journal row. The row of progress is there: it
// was moved before.
func appendJournal(b *bulk.ApplyBatch, w *bulk.ApplyWrite) []statement {
	const source = ` FROM progress p WHERE p.cluster = $1 AND p.topic = $2 AND p.partition = $3`
	statements := []statement{{
		`INSERT INTO journal (source, seq, body) SELECT p.id, $4::bigint, $5::bytea` + source,
		[]any{b.Source.Cluster, b.Source.Topic, b.Source.Partition, b.Seq, w.Journal},
	}}
	if len(w.JournalUploads) > 0 {
		statements = append(statements, statement{
			`INSERT INTO journal_upload (upload, source, seq) SELECT unnest($5::text[]), p.id, $4::bigint` + source + ` ON CONFLICT DO NOTHING`,
			[]any{b.Source.Cluster, b.Source.Topic, b.Source.Partition, b.Seq, storable(w.JournalUploads)},
		})
	}
	return statements
}

// Unpublished is bulk.ApplyStore.Unpublished.
func (s *Store) Unpublished(ctx context.Context, source bulk.Source, after int64, limit int) ([]bulk.JournalRow, error) {
	rows, err := list(ctx, s.general, func(row pgx.CollectableRow) (bulk.JournalRow, error) {
		r := bulk.JournalRow{Source: source}
		return r, row.Scan(&r.Seq, &r.Body)
	}, `SELECT j.seq, j.body FROM progress p JOIN journal j ON j.source = p.id
		WHERE p.cluster = $1 AND p.topic = $2 AND p.partition = $3 AND j.seq > $4 ORDER BY j.seq LIMIT $5`,
		source.Cluster, source.Topic, source.Partition, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return rows, nil
}

// MarkPublished is bulk.ApplyStore.MarkPublished.
func (s *Store) MarkPublished(ctx context.Context, source bulk.Source, seq int64) error {
	return s.write(ctx, crash.JournalMark, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE progress SET published = $4
			WHERE cluster = $1 AND topic = $2 AND partition = $3 AND published < $4`,
			source.Cluster, source.Topic, source.Partition, seq)
		if err != nil {
			return fmt.Errorf("move the published mark: %w", err)
		}
		return nil
	})
}

// UnpublishedJournal is bulk.ReadStore.UnpublishedJournal.
func (s *Store) UnpublishedJournal(ctx context.Context, cluster string) (n int64, err error) {
	// Numbers have no gaps within a source.
	err = s.general.QueryRow(ctx, `SELECT coalesce(sum(greatest(seq - published, 0)), 0)::bigint FROM progress WHERE cluster = $1`, cluster).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the journal: %w", wrap(err))
	}
	return n, nil
}

// UploadJournal is bulk.JournalStore.UploadJournal.
func (s *Store) UploadJournal(ctx context.Context, uploadID string, fn func(bulk.JournalRow) error) error {
	return s.eachJournalRow(ctx, `SELECT p.id, p.cluster, p.topic, p.partition, j.seq, j.body
		FROM journal_upload u JOIN journal j ON j.source = u.source AND j.seq = u.seq JOIN progress p ON p.id = u.source
		WHERE u.upload = $4 AND (u.source, u.seq) > ($1, $2) ORDER BY u.source, u.seq LIMIT $3`, fn, uploadID)
}

// Journal is bulk.AnalyticsStore.Journal.
func (s *Store) Journal(ctx context.Context, fn func(bulk.JournalRow) error) error {
	return s.eachJournalRow(ctx, `SELECT p.id, p.cluster, p.topic, p.partition, j.seq, j.body
		FROM journal j JOIN progress p ON p.id = j.source
		WHERE (j.source, j.seq) > ($1, $2) ORDER BY j.source, j.seq LIMIT $3`, fn)
}

// eachJournalRow reads a page, gives the connection back and calls fn: fn may
// take its time. One source comes after the other.
func (s *Store) eachJournalRow(ctx context.Context, text string, fn func(bulk.JournalRow) error, args ...any) error {
	var source, seq int64
	for {
		page, err := list(ctx, s.general, func(row pgx.CollectableRow) (r bulk.JournalRow, err error) {
			err = row.Scan(&source, &r.Source.Cluster, &r.Source.Topic, &r.Source.Partition, &r.Seq, &r.Body)
			seq = r.Seq
			return r, err
		}, text, append([]any{source, seq, journalPage}, args...)...)
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
