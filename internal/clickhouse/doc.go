// Package clickhouse keeps what dashboards ask in ClickHouse, over its native
// protocol. It knows tables and columns; it must not know logs, offsets or what
// a token is made of.
//
// Inserts are synchronous, one block of the protocol each, and carry a
// deduplication token: ClickHouse remembers the last 1,000 tokens of a table and
// takes no block twice. Beyond that every table keeps one row per key when its
// parts are merged, so a question that must be exact says FINAL.
package clickhouse
