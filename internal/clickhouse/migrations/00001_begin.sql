-- A statement may run again after a failure half way: ClickHouse has no
-- transactions over tables.
-- +goose NO TRANSACTION
-- +goose Up

-- Of rows with one sorting key a merge, or FINAL, keeps the one inserted last;
-- they never differ. Rows are durable when an insert returns.

CREATE TABLE IF NOT EXISTS uploads (
    company      LowCardinality(String),
    upload       String,
    kind         LowCardinality(String),
    outcome      LowCardinality(String),
    total        Int64,
    applied      Int64,
    unchanged    Int64,
    failed       Int64,
    unprocessed  Int64,
    warned       Int64,
    total_amount Decimal(38, 4),
    finished_at  DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree
ORDER BY (company, upload)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS row_results (
    company        LowCardinality(String),
    upload         String,
    row            Int64,
    status         LowCardinality(String),
    customer_id    String,
    version        Int64,
    amount         Decimal(38, 4),
    error_codes    Array(LowCardinality(String)),
    error_fields   Array(LowCardinality(String)),
    warning_codes  Array(LowCardinality(String)),
    warning_fields Array(LowCardinality(String))
) ENGINE = ReplacingMergeTree
ORDER BY (company, upload, row)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS changes (
    company     LowCardinality(String),
    upload      String,
    row         Int64,
    customer_id String,
    version     Int64,
    operation   LowCardinality(String),
    fields      Array(LowCardinality(String)),
    changed_at  DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree
ORDER BY (company, upload, row)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
