package analytics

import (
	"context"
	"fmt"

	"sluice/internal/bulk"
)

// takeUp brings the block to the offset to read next: it repeats the block that
// was recorded last if its insert was not confirmed, and refills from the journal
// when the log does not reach to where analytics stood.
func (t *tenure) takeUp(ctx context.Context) error {
	from, to, done, ok, err := t.Store.AnalyticsBlock(ctx, t.src)
	if err != nil {
		return fmt.Errorf("reading the last block: %w", err)
	}
	first, end, err := t.part.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("reading the log's bounds: %w", err)
	}
	need := from // the first record still to be read
	if done {
		need = to
	}
	t.Metrics.lag(t.src, end-max(need, first))
	switch {
	case !ok:
		return t.startOver(ctx, first)
	case first <= need && to <= end:
		return t.resume(ctx, from, to, done)
	}
	t.log.Warn("the log does not reach to where analytics stands: the journal fills the gap",
		"offset", need, "first", first, "end", end)
	return t.startOver(ctx, first)
}

// resume goes on after the last block, which is sent again unless it is known to
// have arrived.
func (t *tenure) resume(ctx context.Context, from, to int64, done bool) error {
	b := &t.block
	b.from, b.to = to, to
	if done {
		t.part.SeekTo(to)
		return nil
	}
	b.from, b.to = from, from
	t.part.SeekTo(from)
	for at := from; at < to; {
		records, next, err := t.part.Fetch(ctx)
		if err != nil {
			return fmt.Errorf("fetching offset %d again: %w", at, err)
		}
		for i := range records {
			if records[i].Offset < to {
				t.decoder.add(&b.rows, &records[i])
			}
		}
		at = next
	}
	b.to = to
	if err := t.send(ctx); err != nil {
		return err
	}
	t.part.SeekTo(to)
	return nil
}

// startOver begins at the log's first record. What came before it, or stood on
// another log, is in the journal, with two exceptions that stay missing here: the
// results of rows rejected at the split, and responses, which a Kafka cluster keeps
// by compaction but the embedded broker only as long as its cap allows.
func (t *tenure) startOver(ctx context.Context, first int64) error {
	if t.src.Topic != bulk.TopicResponses {
		if err := t.refill(ctx); err != nil {
			return fmt.Errorf("filling from the journal: %w", err)
		}
	}
	// An empty block remembers that this need not be done again.
	if err := t.Store.RecordBlock(ctx, t.src, first, first); err != nil {
		return fmt.Errorf("recording the beginning: %w", err)
	}
	if err := t.Store.ConfirmBlock(ctx, t.src, first, first); err != nil {
		return fmt.Errorf("confirming the beginning: %w", err)
	}
	t.block.from, t.block.to = first, first
	t.part.SeekTo(first)
	return nil
}
