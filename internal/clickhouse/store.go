package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"sluice/internal/bulk"
)

// Options say where ClickHouse is.
type Options struct {
	// URL is clickhouse://user:password@host:port/database; the client's own
	// parameters may follow (secure, compress, dial_timeout, …). The database
	// must exist.
	URL    string
	Logger *slog.Logger
}

const (
	dialTimeout   = 5 * time.Second
	insertTimeout = time.Minute // a server that does not answer in this time is given up
	openConns     = 8           // inserts and questions together
	inserts       = 4           // at once; each holds its block once more, as columns
)

// Store writes to and reads from one database. Safe for concurrent use.
type Store struct {
	options *clickhouse.Options
	conn    driver.Conn
	log     *slog.Logger

	inserts    chan struct{} // a token for each insert under way
	migrating  chan struct{} // one token
	isMigrated atomic.Bool
}

var _ bulk.AnalyticsSink = (*Store)(nil)

// Open reads the URL. It does not connect: ClickHouse may be away. The tables are
// made by Migrate, by Prepare or before the first insert.
func Open(o Options) (*Store, error) {
	options, err := clickhouse.ParseDSN(o.URL)
	if err != nil {
		return nil, fmt.Errorf("reading the ClickHouse URL: %w", err)
	}
	if options.Protocol != clickhouse.Native {
		return nil, errors.New("reading the ClickHouse URL: only the native protocol is spoken: clickhouse://host:9000/database")
	}
	if options.DialTimeout == 0 {
		options.DialTimeout = dialTimeout
	}
	if options.MaxOpenConns == 0 {
		options.MaxOpenConns, options.MaxIdleConns = openConns, openConns
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse: %w", err)
	}
	return &Store{
		options: options, conn: conn, log: o.Logger,
		inserts:   make(chan struct{}, min(inserts, options.MaxOpenConns)),
		migrating: make(chan struct{}, 1),
	}, nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.conn.Close() }

// Prepare makes the tables, however long ClickHouse is away, and returns nil when
// they are there or ctx ended.
func (s *Store) Prepare(ctx context.Context) error {
	pause := bulk.Backoff{Min: 200 * time.Millisecond, Max: 10 * time.Second}
	for attempt := 1; ctx.Err() == nil; attempt++ {
		err := s.Migrate(ctx)
		if err == nil {
			return nil
		}
		if attempt == 1 && ctx.Err() == nil {
			s.log.Warn("the analytics store can not be prepared, trying again", "err", err)
		}
		pause.Wait(ctx)
	}
	return nil
}
