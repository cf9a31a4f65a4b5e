package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"sluice/internal/bulk"
)

// dropPage is how many chunks one transaction deletes.
const dropPage = 512

func writeChunks(chunks []bulk.ResultChunk) statement {
	var uploads []string
	var source, last, after, body array
	source.reset(oidInt4)
	last.reset(oidInt8)
	after.reset(oidInt8)
	body.reset(pgtype.ByteaOID)
	for i := range chunks {
		k := &chunks[i]
		uploads = append(uploads, k.Upload)
		source.int4(int(k.Source))
		last.int8(k.Last)
		after.int8(k.After)
		body.raw(k.Body)
	}
	return statement{
		`INSERT INTO result_chunk (upload, source, last_row, after, body)
		SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bytea[])
		ON CONFLICT (upload, source, last_row) DO UPDATE SET after = excluded.after, body = excluded.body`,
		[]any{uploads, &source, &last, &after, &body},
	}
}

// Chunks is bulk.FinishStore.Chunks.
func (s *Store) Chunks(ctx context.Context, uploadID string, source int32, after int64, limit int) ([]bulk.ResultChunk, error) {
	chunks, err := list(ctx, s.general, func(row pgx.CollectableRow) (bulk.ResultChunk, error) {
		k := bulk.ResultChunk{Upload: uploadID, Source: source}
		return k, row.Scan(&k.Last, &k.After, &k.Body)
	}, `SELECT last_row, after, body FROM result_chunk
		WHERE upload = $1 AND source = $2 AND last_row > $3 ORDER BY last_row LIMIT $4`, uploadID, source, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read chunks of results: %w", err)
	}
	return chunks, nil
}

// DropChunks is bulk.FinishStore.DropChunks. Those of an unfinished upload stay.
func (s *Store) DropChunks(ctx context.Context, uploadID string) error {
	for {
		var n int64
		err := s.write(ctx, "", func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `DELETE FROM result_chunk k USING (
					SELECT upload, source, last_row FROM result_chunk WHERE upload = $1 LIMIT $2
				) d
				WHERE k.upload = d.upload AND k.source = d.source AND k.last_row = d.last_row
					AND EXISTS (SELECT 1 FROM upload WHERE id = $1 AND state = 'finished')`, uploadID, dropPage)
			n = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("drop chunks of results: %w", err)
		}
		if n < dropPage {
			return nil
		}
	}
}
