package analytics

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"sluice/internal/bulk"
	"sluice/internal/event"
)

// refills does one refill at a time for all partitions. One that began after a
// partition asked serves it too.
type refills struct {
	turn  chan struct{} // one token
	begun atomic.Int64
	done  int64 // number of the last that ended well; its holder has the turn
}

func (r *refills) do(ctx context.Context, refill func(context.Context) error) error {
	asked := r.begun.Load()
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.turn }()
	if r.done > asked {
		return nil
	}
	number := r.begun.Add(1)
	if err := refill(ctx); err != nil {
		return err
	}
	r.done = number
	return nil
}

// refill inserts every change and result of the journal. Most of it may be there
// already: the tables keep one row for each row of an upload.
func (t *tenure) refill(ctx context.Context) error {
	return t.refills.do(ctx, func(ctx context.Context) error {
		t.Metrics.Refills.Inc()
		var r rows
		err := t.Store.Journal(ctx, func(row bulk.JournalRow) error { return t.addJournal(ctx, &r, row) })
		if err != nil {
			return err
		}
		return t.sendJournal(ctx, &r)
	})
}

// addJournal adds the records of a journal row and sends what fills a block.
func (t *tenure) addJournal(ctx context.Context, r *rows, row bulk.JournalRow) error {
	err := event.EachJournal(row.Body, func(rec *bulk.Record) error {
		t.decoder.add(r, rec)
		if r.count() < t.MaxRows && r.bytes < maxBlockBytes {
			return nil
		}
		return t.sendJournal(ctx, r)
	})
	var unreadable *event.DecodeError
	if errors.As(err, &unreadable) {
		t.Metrics.Skipped.WithLabelValues(skippedUnreadable).Inc()
		t.log.Error("a journal row can not be read and is passed over", "journal_partition", row.Source.Partition, "seq", row.Seq, "err", err)
		return nil
	}
	return err
}

func (t *tenure) sendJournal(ctx context.Context, r *rows) error {
	token := fmt.Sprintf("journal/%016x", r.sum.Sum64())
	if err := t.insert(ctx, token, r, t.showLag); err != nil {
		return err
	}
	r.reset()
	return nil
}
