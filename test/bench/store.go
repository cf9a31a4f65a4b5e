package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/sqlite"
)

// applyStore is a store under the bare loop.
type applyStore interface {
	bulk.ApplyStore
	Close() error
}

func openSQLite(ctx context.Context, data string) (applyStore, error) {
	return sqlite.Open(ctx, sqlite.Options{
		Path: filepath.Join(data, "sluice.db"), Codec: event.NewCodec(event.DefaultIDs()),
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
}

// storeLoop measures the bare store: the same customers in the same order as the
// upload had them, prepared in batches, each applied in a transaction that reads,
// merges, writes and keeps a journal, and nothing else. SQLite has one writer;
// PostgreSQL gets a loop for each of four partitions.
func (b *bench) storeLoop(ctx context.Context, name string, open func() (applyStore, error), s *servers) (l line, err error) {
	b.say("floors: bare store, %s", name)
	path := b.path("store.csv")
	if _, err := writeUpdate(path, order(b.customers, b.rows, roundUpdate), roundStore); err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	store, err := open()
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	loops := 1
	if s != nil {
		loops = 4
	}
	// The rows are parsed on the way: a million of them prepared would not fit into
	// memory. What that takes is measured first and not counted.
	parsing, err := b.timed("", nil, func() error { return eachRow(path, func(*bulk.Row) error { return nil }) })
	if err != nil {
		return l, err
	}
	l, err = b.timed("bare store loop ("+name+")", s, func() error { return applyAll(ctx, store, path, loops) })
	if err != nil {
		return l, err
	}
	l.cpu -= parsing.cpu
	l.took -= parsing.took
	b.report.add(l)
	return l, nil
}

// applyAll feeds the loops.
func applyAll(ctx context.Context, store bulk.ApplyStore, path string, loops int) error {
	g, ctx := errgroup.WithContext(ctx)
	feeds := make([]chan []bulk.Row, loops)
	for i := range feeds {
		feeds[i] = make(chan []bulk.Row)
		loop := &storeLoop{store: store, codec: event.NewCodec(event.DefaultIDs()), source: bulk.Source{Cluster: "bench", Topic: bulk.TopicUpdates, Partition: int32(i)}}
		if err := store.Restart(ctx, loop.source, -1, 0); err != nil {
			return fmt.Errorf("beginning a source: %w", err)
		}
		g.Go(func() error {
			for rows := range feeds[i] {
				if err := loop.apply(ctx, rows); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer func() {
			for _, feed := range feeds {
				close(feed)
			}
		}()
		return feedRows(ctx, path, feeds)
	})
	return g.Wait()
}

func feedRows(ctx context.Context, path string, feeds []chan []bulk.Row) error {
	batch, turn := make([]bulk.Row, 0, batchRows), 0
	send := func() error {
		select {
		case feeds[turn%len(feeds)] <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
		batch, turn = make([]bulk.Row, 0, batchRows), turn+1
		return nil
	}
	err := eachRow(path, func(r *bulk.Row) error {
		if batch = append(batch, *r); len(batch) < batchRows {
			return nil
		}
		return send()
	})
	if err != nil || len(batch) == 0 {
		return err
	}
	return send()
}

// storeLoop applies the batches of one source.
type storeLoop struct {
	store  bulk.ApplyStore
	codec  *event.Codec
	source bulk.Source
	next   int64
	seq    int64

	docs    []byte
	journal []byte
	packed  []byte
	builder *event.Builder
}

func (l *storeLoop) apply(ctx context.Context, rows []bulk.Row) error {
	keys := make([]bulk.CustomerKey, len(rows))
	for i := range rows {
		keys[i] = bulk.CustomerKey{Company: rows[i].Company, Value: rows[i].CustomerID}
	}
	batch := &bulk.ApplyBatch{Source: l.source, From: l.next, Next: l.next + int64(len(rows)), Seq: l.seq + 1, Keys: keys, Published: l.seq}
	err := l.store.Apply(ctx, batch, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) { return l.decide(rows, v) })
	if err != nil {
		return fmt.Errorf("applying a batch: %w", err)
	}
	l.next, l.seq = batch.Next, batch.Seq
	return nil
}

// decide merges the rows into the documents found and keeps the changes.
func (l *storeLoop) decide(rows []bulk.Row, v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
	if l.builder == nil {
		l.builder = l.codec.NewBuilder()
	}
	l.builder.Reset()
	l.docs, l.journal = make([]byte, 0, 1<<20), l.journal[:0]
	w := &bulk.ApplyWrite{Customers: make([]bulk.CustomerWrite, 0, len(rows))}
	now := time.Now().UTC()
	var c customer.Customer
	for i := range rows {
		r, found := &rows[i], &v.Found[i]
		if err := l.codec.DecodeCustomer(found.Doc, &c); err != nil {
			return nil, fmt.Errorf("customer %s: %w", r.CustomerID, err)
		}
		ref, name := c.Values[customer.UniqueRefNo].Text, c.Values[customer.LegalName].Text
		changed := c.Apply(&r.Changes)
		if changed == 0 {
			continue
		}
		c.Version, c.UpdatedAt = found.Version+1, now
		begin := len(l.docs)
		l.docs = l.codec.AppendCustomer(l.docs, &c)
		doc := l.docs[begin:len(l.docs):len(l.docs)]
		l.builder.Change(&bulk.Change{
			Upload: r.Upload, Company: r.Company, CustomerID: r.CustomerID, Row: r.Number, Version: c.Version,
			Operation: bulk.OperationUpdated, ChangedAt: now.UnixMilli(), Fields: changed, Before: found.Doc, After: doc,
		})
		newRef, newName := c.Values[customer.UniqueRefNo].Text, c.Values[customer.LegalName].Text
		w.Customers = append(w.Customers, bulk.CustomerWrite{
			Found: i, Company: r.Company, CustomerID: r.CustomerID, OldVersion: found.Version, Version: c.Version, Doc: doc,
			Ref: newRef, RefChanged: newRef != ref, Name: newName, NameChanged: newName != name,
		})
	}
	for i := range l.builder.Records() {
		l.journal = event.AppendJournal(l.journal, &l.builder.Records()[i])
	}
	l.packed = event.Compress(l.packed[:0], l.journal)
	w.Journal = l.packed
	return w, nil
}
