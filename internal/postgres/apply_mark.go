package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
)

// queueMarks queues the reading of the marks of the batch's uploads into marks.
func queueMarks(reads *pgx.Batch, b *bulk.ApplyBatch, marks []bulk.UploadMark) {
	reads.Queue(`SELECT k.number, u.company, u.state = 'finished', u.cancelled, coalesce(m.last_row, 0)
		FROM unnest($1::text[]) WITH ORDINALITY AS k(upload, number) JOIN upload u ON u.id = k.upload
		LEFT JOIN apply_mark m ON m.upload = u.id AND m.partition = $2`, storable(b.Uploads), b.Source.Partition).
		Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var number int64
				m := bulk.UploadMark{Known: true}
				if err := rows.Scan(&number, &m.Company, &m.Final, &m.Cancelled, &m.Last); err != nil {
					return fmt.Errorf("read the mark of an upload: %w", err)
				}
				marks[number-1] = m
			}
			return rows.Err()
		})
}

// moveMarks is the compare-and-swap of marks: those that begin, and those that go on.
func moveMarks(partition int32, moves []bulk.MarkMove) []statement {
	var first, next struct {
		uploads  []string
		from, to []int64
	}
	for _, m := range moves {
		part := &next
		if m.From == 0 {
			part = &first
		}
		part.uploads, part.from, part.to = append(part.uploads, m.Upload), append(part.from, m.From), append(part.to, m.To)
	}
	var statements []statement
	if n := len(first.uploads); n > 0 {
		statements = append(statements, expecting(n, stateMoved, `INSERT INTO apply_mark AS m (upload, partition, last_row)
			SELECT u.upload, $3, u.last_row FROM unnest($4::text[], $5::bigint[]) AS u(upload, last_row)
			ON CONFLICT (upload, partition) DO UPDATE SET last_row = excluded.last_row WHERE m.last_row = 0`,
			partition, first.uploads, first.to))
	}
	if n := len(next.uploads); n > 0 {
		statements = append(statements, expecting(n, stateMoved, `UPDATE apply_mark m SET last_row = u.to_row
			FROM unnest($4::text[], $5::bigint[], $6::bigint[]) AS u(upload, from_row, to_row)
			WHERE m.upload = u.upload AND m.partition = $3 AND m.last_row = u.from_row`,
			partition, next.uploads, next.from, next.to))
	}
	return statements
}
