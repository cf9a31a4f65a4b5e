package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sessionSettings hold for every session, whatever the server's defaults are.
func sessionSettings() map[string]string {
	return map[string]string{
		"default_transaction_isolation": "read committed", // what the guards of a batch stand on
		"synchronous_commit":            "on",             // what was committed is durable
	}
}

// sessionDefaults may be set otherwise in the address. The time-outs are there
// so that a frozen process, or one that the network lost, holds others up for no
// longer than that.
func sessionDefaults() map[string]string {
	return map[string]string{
		"application_name":                    "sluice",
		"idle_in_transaction_session_timeout": "10s",
		"lock_timeout":                        "10s",
		"statement_timeout":                   "60s",
	}
}

// batchSettings leave nested loops over the keys of a batch as the only plan,
// made once: two thousand keys against millions of customers need no other, and
// the planner, without statistics of the keys, is not to think otherwise.
func batchSettings() map[string]string {
	return map[string]string{
		"plan_cache_mode":   "force_generic_plan",
		"jit":               "off",
		"enable_hashjoin":   "off",
		"enable_mergejoin":  "off",
		"enable_seqscan":    "off",
		"enable_bitmapscan": "off",
	}
}

func openPool(ctx context.Context, url string, conns int, settings map[string]string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the address: %w", err)
	}
	cfg.MaxConns = int32(min(conns, math.MaxInt32))
	params := sessionDefaults()
	maps.Copy(params, cfg.ConnConfig.RuntimeParams)
	maps.Copy(params, sessionSettings())
	maps.Copy(params, settings)
	cfg.ConnConfig.RuntimeParams = params
	cfg.AfterConnect = checkConn
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make a pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	return pool, nil
}

// checkConn refuses a database that could not hold every text.
func checkConn(_ context.Context, c *pgx.Conn) error {
	if c.PgConn().ParameterStatus("server_encoding") != "UTF8" {
		return errors.New("the database's encoding is not UTF8")
	}
	return nil
}
