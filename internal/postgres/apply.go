package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/crash"
)

// Apply is bulk.ApplyStore.Apply. decide runs between the two trips, while no
// connection and no lock is held; it runs again when somebody else changed what
// it saw, and when the store looked like refusing a customer.
func (s *Store) Apply(ctx context.Context, b *bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error)) error {
	write := s.writeBatch
	return s.again(ctx, func() error {
		err := s.applyOnce(ctx, b, decide, write)
		if err != nil && isRefusal(err) && !isPassing(err) {
			write = s.writeCarefully
			err = s.applyOnce(ctx, b, decide, write)
		}
		return err
	})
}

// writeFunc is the second trip of a batch.
type writeFunc func(ctx context.Context, a *attempt, b *bulk.ApplyBatch, w *bulk.ApplyWrite) error

func (s *Store) applyOnce(ctx context.Context, b *bulk.ApplyBatch, decide func(*bulk.ApplyView) (*bulk.ApplyWrite, error), write writeFunc) error {
	a, ok := s.attempts.Get().(*attempt)
	if !ok {
		a = &attempt{}
	}
	defer func() {
		a.trim()
		s.attempts.Put(a)
	}()
	view, err := s.readBatch(ctx, a, b)
	if err != nil {
		return err
	}
	w, err := decide(view)
	if err != nil {
		return err
	}
	if err := a.checkWrites(w.Customers); err != nil {
		return err
	}
	if w.Journal != nil && b.Seq != a.source.Seq+1 {
		return fmt.Errorf("journal row %d follows %d: %w", b.Seq, a.source.Seq, bulk.ErrMoved)
	}
	if err := write(ctx, a, b, w); err != nil {
		return err
	}
	s.analyzeGrowth(ctx, w)
	return nil
}

// readBatch is the first trip: it reads what the batch names.
func (s *Store) readBatch(ctx context.Context, a *attempt, b *bulk.ApplyBatch) (*bulk.ApplyView, error) {
	a.reset(len(b.Keys))
	view := &bulk.ApplyView{Marks: make([]bulk.UploadMark, len(b.Uploads))}
	var reads pgx.Batch
	reads.Queue(selectSource, b.Source.Cluster, b.Source.Topic, b.Source.Partition).QueryRow(func(row pgx.Row) (err error) {
		a.source, err = scanSource(row)
		return err
	})
	if len(b.Uploads) > 0 {
		queueMarks(&reads, b, view.Marks)
	}
	a.queueFind(&reads, b.Keys, false, s.texts.findByID)
	a.queueFind(&reads, b.Keys, true, s.texts.findByRef)
	if err := s.batches.SendBatch(ctx, &reads).Close(); err != nil {
		return nil, fmt.Errorf("read a batch: %w", wrap(err))
	}
	if err := a.source.beginsAt(b.From); err != nil {
		return nil, err
	}
	if err := a.encodeFound(s.codec); err != nil {
		return nil, fmt.Errorf("read a customer: %w", err)
	}
	view.Found = a.found
	return view, nil
}

// writeBatch is the second trip: everything in one burst. A customer that the
// store refuses ends it with an error of classes that isRefusal knows.
func (s *Store) writeBatch(ctx context.Context, a *attempt, b *bulk.ApplyBatch, w *bulk.ApplyWrite) (err error) {
	statements := beginBatch(a, b, w)
	if len(w.Customers) > 0 {
		if err := a.split(s.codec, sorted(w.Customers)); err != nil {
			return err
		}
		// Updates first: a new customer may take a reference that is given up.
		if a.updates.n > 0 {
			statements = append(statements, s.texts.update(&a.updates))
		}
		if a.inserts.n > 0 {
			statements = append(statements, s.texts.insert(&a.inserts))
		}
	}
	statements = append(statements, endBatch(b, w)...)
	a.wire, err = burst(ctx, s.batches, crash.ApplyCommit, a.wire, statements)
	if err != nil {
		return fmt.Errorf("write a batch: %w", err)
	}
	return nil
}

// beginBatch takes the turn of this source and moves the marks.
func beginBatch(a *attempt, b *bulk.ApplyBatch, w *bulk.ApplyWrite) []statement {
	to := bulk.Progress{Next: b.Next, Seq: a.source.Seq, Published: b.Published}
	if w.Journal != nil {
		to.Seq = b.Seq
	}
	return append([]statement{a.source.move(b.Source, to)}, moveMarks(b.Source.Partition, w.Marks)...)
}

// endBatch is what a batch writes besides customers and marks.
func endBatch(b *bulk.ApplyBatch, w *bulk.ApplyWrite) []statement {
	var statements []statement
	if w.Journal != nil {
		statements = appendJournal(b, w)
	}
	if len(w.Resend) > 0 {
		statements = append(statements, statement{resendGaps, []any{storable(w.Resend)}})
	}
	return statements
}
