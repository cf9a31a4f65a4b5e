package apply

import (
	"context"
	"fmt"

	"sluice/internal/bulk"
	"sluice/internal/event"
)

// publishPageBytes bounds what is held while a journal is published again.
const publishPageBytes = 8 << 20

// publishJournal publishes the records of one journal row, of one upload only
// if keep says so.
func publishJournal(ctx context.Context, p bulk.Publisher, body []byte, keep func(*bulk.Record) bool) error {
	var page []bulk.Record
	size := 0
	err := event.EachJournal(body, func(r *bulk.Record) error {
		if keep != nil && !keep(r) {
			return nil
		}
		page = append(page, *r)
		size += len(r.Value)
		if size < publishPageBytes {
			return nil
		}
		err := p.Publish(ctx, page)
		page, size = page[:0], 0
		return err
	})
	if err != nil || len(page) == 0 {
		return err
	}
	return p.Publish(ctx, page)
}

// Republisher puts the journal of an upload onto the log again: one half of a
// resend. Marks and versions make what arrives twice harmless.
type Republisher struct {
	Journal   bulk.JournalStore
	Publisher bulk.Publisher
}

// Do is the work of one bulk.JobRepublish.
func (r *Republisher) Do(ctx context.Context, l *bulk.Lease) error {
	err := r.Journal.UploadJournal(ctx, l.Upload, func(row bulk.JournalRow) error {
		return publishJournal(ctx, r.Publisher, row.Body, func(rec *bulk.Record) bool {
			return event.UploadOf(rec) == l.Upload
		})
	})
	if err != nil {
		return fmt.Errorf("publishing the journal of upload %s again: %w", l.Upload, err)
	}
	return nil
}
