package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
)

// dropPage is how many chunks one transaction deletes: others write in between.
const dropPage = 64

func writeChunk(c *sqlite.Conn, k *bulk.ResultChunk) error {
	_, err := change(c, `INSERT INTO result_chunk (upload, source, last_row, after, body) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT DO UPDATE SET after = ?4, body = ?5`, k.Upload, k.Source, k.Last, k.After, k.Body)
	if err != nil {
		return fmt.Errorf("write a chunk of results: %w", err)
	}
	return nil
}

// Chunks is bulk.FinishStore.Chunks: the chunks that end after the given row.
func (s *Store) Chunks(ctx context.Context, uploadID string, source int32, after int64, limit int) (chunks []bulk.ResultChunk, err error) {
	err = s.read(ctx, func(c *sqlite.Conn) error {
		_, err := query(c, `SELECT last_row, after, body FROM result_chunk
			WHERE upload = ? AND source = ? AND last_row > ? ORDER BY last_row LIMIT ?`,
			func(st *sqlite.Stmt) error {
				chunks = append(chunks, bulk.ResultChunk{
					Upload: uploadID, Source: source,
					Last: st.ColumnInt64(0), After: st.ColumnInt64(1), Body: blob(st, 2),
				})
				return nil
			}, uploadID, source, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read chunks of results: %w", err)
	}
	return chunks, nil
}

// DropChunks is bulk.FinishStore.DropChunks. Those of an unfinished upload stay.
func (s *Store) DropChunks(ctx context.Context, uploadID string) error {
	for {
		n := 0
		err := s.write(ctx, func(c *sqlite.Conn) (err error) {
			n, err = change(c, `DELETE FROM result_chunk WHERE rowid IN (SELECT rowid FROM result_chunk WHERE upload = ?1
				AND EXISTS (SELECT 1 FROM upload WHERE id = ?1 AND state = 'finished') LIMIT ?2)`, uploadID, dropPage)
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
