-- +goose Up

-- id is hash(company) in the high 23 bits and hash(customer) in the low 40, so
-- that the customers of one company lie together; a taken id moves on to the
-- next (see customer_slot.go). Times everywhere are milliseconds since 1970.
CREATE TABLE customer (
    id       INTEGER PRIMARY KEY,
    company  TEXT    NOT NULL,
    customer TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    ref      TEXT,
    name     TEXT,
    doc      BLOB    NOT NULL CONSTRAINT customer_doc_size CHECK (length(doc) <= 300000)
) STRICT;

CREATE UNIQUE INDEX customer_key ON customer (company, customer);
CREATE UNIQUE INDEX customer_ref ON customer (company, ref) WHERE ref IS NOT NULL;
CREATE INDEX customer_name ON customer (company, name) WHERE name IS NOT NULL;

CREATE TABLE company (
    company    TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was accepted. Its counters stand in tally: a header can be a megabyte
-- and is not to be written again with every count.
CREATE TABLE upload (
    id              TEXT    NOT NULL PRIMARY KEY,
    company         TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    cancelled       INTEGER NOT NULL DEFAULT 0,
    partitions      INTEGER NOT NULL,
    total           INTEGER NOT NULL,
    accepted_at     INTEGER NOT NULL,
    finished_at     INTEGER NOT NULL,
    size            INTEGER NOT NULL,
    rules           INTEGER NOT NULL,
    options         TEXT    NOT NULL,
    file_name       TEXT    NOT NULL,
    sha256          TEXT    NOT NULL,
    fingerprint     TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    dialect         TEXT    NOT NULL,
    warnings        TEXT    NOT NULL,
    header          BLOB    NOT NULL
) STRICT;

CREATE INDEX upload_company ON upload (company, id);
CREATE INDEX upload_unfinished ON upload (accepted_at) WHERE state <> 'finished';

CREATE TABLE idempotency (
    caller     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    upload     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tally (
    upload      TEXT    NOT NULL PRIMARY KEY,
    applied     INTEGER NOT NULL DEFAULT 0,
    unchanged   INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0,
    unprocessed INTEGER NOT NULL DEFAULT 0,
    warned      INTEGER NOT NULL DEFAULT 0,
    amount      TEXT    NOT NULL DEFAULT '0',
    progress_at INTEGER NOT NULL,
    resent_at   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE result_mark (
    upload   TEXT    NOT NULL,
    source   INTEGER NOT NULL,
    last_row INTEGER NOT NULL,
    end_row  INTEGER,
    PRIMARY KEY (upload, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE result_chunk (
    upload   TEXT    NOT NULL,
    source   INTEGER NOT NULL,
    last_row INTEGER NOT NULL,
    after    INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    UNIQUE (upload, source, last_row)
) STRICT;

CREATE TABLE response (
    upload      TEXT    NOT NULL PRIMARY KEY,
    company     TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    total       INTEGER NOT NULL,
    applied     INTEGER NOT NULL,
    unchanged   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    unprocessed INTEGER NOT NULL,
    warned      INTEGER NOT NULL,
    amount      TEXT    NOT NULL,
    finished_at INTEGER NOT NULL,
    body        BLOB    NOT NULL
) STRICT;

CREATE TABLE job (
    kind        TEXT    NOT NULL,
    upload      TEXT    NOT NULL,
    fence       INTEGER NOT NULL,
    owner       TEXT    NOT NULL DEFAULT '',
    lease_until INTEGER NOT NULL DEFAULT 0,
    served_at   INTEGER NOT NULL DEFAULT 0,
    total       INTEGER NOT NULL,
    state       BLOB    NOT NULL DEFAULT x'',
    PRIMARY KEY (kind, upload)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_turn ON job (kind, served_at, total, upload);

-- One row: the last fence given out. Fences never come again, also when a job
-- is deleted and made anew.
CREATE TABLE fence (last INTEGER NOT NULL) STRICT;
INSERT INTO fence (last) VALUES (0);

CREATE TABLE progress (
    id          INTEGER PRIMARY KEY,
    cluster     TEXT    NOT NULL,
    topic       TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    seq         INTEGER NOT NULL DEFAULT 0,
    published   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (cluster, topic, partition)
) STRICT;

CREATE TABLE apply_mark (
    upload    TEXT    NOT NULL,
    partition INTEGER NOT NULL,
    last_row  INTEGER NOT NULL,
    PRIMARY KEY (upload, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    id     INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES progress (id),
    seq    INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    UNIQUE (source, seq)
) STRICT;

CREATE TABLE journal_upload (
    upload  TEXT    NOT NULL,
    journal INTEGER NOT NULL,
    PRIMARY KEY (upload, journal)
) STRICT, WITHOUT ROWID;

CREATE TABLE analytics_block (
    cluster     TEXT    NOT NULL,
    topic       TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    from_offset INTEGER NOT NULL,
    to_offset   INTEGER NOT NULL,
    done        INTEGER NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
