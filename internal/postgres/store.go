package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"

	"sluice/internal/bulk"
)

// DefaultMaxConns is how many connections a process holds at most when nothing
// else is said.
const DefaultMaxConns = 16

// Options say where the database is and what the store stands on.
type Options struct {
	URL      string        // postgres://… or keywords and values
	Codec    bulk.DocCodec // turns documents into columns and back
	Logger   *slog.Logger
	MaxConns int // connections at once, at least 2; 0: DefaultMaxConns
}

// Store is the store in one PostgreSQL database. Safe for concurrent use.
type Store struct {
	codec bulk.DocCodec
	log   *slog.Logger

	batches *pgxpool.Pool // sessions set up for batches of customers
	general *pgxpool.Pool // for everything else
	texts   customerTexts
	// added counts the customers this process made, analyzeAt is when to look again.
	added, analyzeAt atomic.Int64
	attempts         sync.Pool // of *attempt: memory that one batch after the other uses
}

// Open brings the database's tables to the newest schema and connects to it.
// Close must follow.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := Migrate(ctx, o.URL); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	conns := o.MaxConns
	if conns == 0 {
		conns = DefaultMaxConns
	}
	if conns < 2 {
		return nil, errors.New("open the database: at least 2 connections are needed")
	}
	s := &Store{codec: o.Codec, log: o.Logger, texts: newCustomerTexts()}
	s.analyzeAt.Store(firstAnalyze)
	s.attempts.New = func() any { return &attempt{} }
	var err error
	if s.batches, err = openPool(ctx, o.URL, conns/2, batchSettings()); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if s.general, err = openPool(ctx, o.URL, conns-conns/2, nil); err != nil {
		s.batches.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return s, nil
}

// Close waits for the calls in hand and closes the connections. Calls that come
// later fail.
func (s *Store) Close() error {
	s.batches.Close()
	s.general.Close()
	return nil
}
