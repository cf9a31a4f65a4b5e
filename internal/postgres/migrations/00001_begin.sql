-- +goose Up

-- sluice_expect ends the transaction with an error of the given SQLSTATE unless
-- a statement touched as many rows as it should have: a whole batch can so be
-- sent and committed without the client looking in between.
-- +goose StatementBegin
CREATE FUNCTION sluice_expect(got bigint, want bigint, code text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF got <> want THEN
        RAISE EXCEPTION 'touched % rows, not %', got, want USING ERRCODE = code;
    END IF;
END
$$;
-- +goose StatementEnd

-- One column for each field of a customer. doc_bytes is the length of the
-- document they make. A page keeps room for the next version of its customers.
CREATE TABLE customer (
    company            text        COLLATE "C" NOT NULL,
    customer           text        COLLATE "C" NOT NULL,
    version            bigint      NOT NULL,
    updated_at         timestamptz NOT NULL,
    doc_bytes          integer     NOT NULL CONSTRAINT customer_doc_size CHECK (doc_bytes <= 300000),
    unique_ref_no      text        COLLATE "C",
    account_number     text        COLLATE "C",
    ifsc               text        COLLATE "C",
    contact_number     text        COLLATE "C",
    legal_name         text        COLLATE "C",
    pan_or_gstin       text        COLLATE "C",
    pin_code           text        COLLATE "C",
    state              text        COLLATE "C",
    address            text        COLLATE "C",
    assigned_agent     text        COLLATE "C",
    branch_codes       jsonb,
    customer_reminders jsonb,
    CONSTRAINT customer_key PRIMARY KEY (company, customer),
    -- Deferrable: checked when a statement ends, so that one statement can swap references.
    -- The reference first: an index on company alone must never look as good as the
    -- key to the planner, which knows nothing of a new table.
    CONSTRAINT customer_ref UNIQUE (unique_ref_no, company) DEFERRABLE INITIALLY IMMEDIATE
) WITH (fillfactor = 85);

CREATE INDEX customer_name ON customer (company, legal_name) WHERE legal_name IS NOT NULL;

CREATE TABLE company (
    company    text        COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL
);

-- What was accepted. Its counters stand in tally: a header can be a megabyte
-- and is not to be written again with every count. The texts in JSON are json,
-- not jsonb: what a file says may hold \u0000.
CREATE TABLE upload (
    id              text        COLLATE "C" PRIMARY KEY,
    company         text        COLLATE "C" NOT NULL,
    kind            text        NOT NULL,
    state           text        NOT NULL,
    cancelled       boolean     NOT NULL DEFAULT false,
    partitions      integer     NOT NULL DEFAULT 0,
    total           bigint      NOT NULL,
    accepted_at     timestamptz NOT NULL,
    finished_at     timestamptz,
    size            bigint      NOT NULL,
    rules           integer     NOT NULL,
    options         json        NOT NULL,
    file_name       text        NOT NULL,
    sha256          text        NOT NULL,
    fingerprint     text        NOT NULL,
    idempotency_key text        NOT NULL,
    dialect         json        NOT NULL,
    warnings        json        NOT NULL,
    header          bytea       NOT NULL
);

CREATE INDEX upload_company ON upload (company, id);
CREATE INDEX upload_unfinished ON upload (accepted_at) WHERE state <> 'finished';

CREATE TABLE idempotency (
    caller     text        COLLATE "C" NOT NULL,
    key        text        COLLATE "C" NOT NULL,
    upload     text        COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);

-- version grows with every count, which is a compare-and-swap of it.
CREATE TABLE tally (
    upload      text        COLLATE "C" PRIMARY KEY,
    version     bigint      NOT NULL DEFAULT 0,
    applied     bigint      NOT NULL DEFAULT 0,
    unchanged   bigint      NOT NULL DEFAULT 0,
    failed      bigint      NOT NULL DEFAULT 0,
    unprocessed bigint      NOT NULL DEFAULT 0,
    warned      bigint      NOT NULL DEFAULT 0,
    amount      numeric     NOT NULL DEFAULT 0,
    progress_at timestamptz NOT NULL,
    resent_at   timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

CREATE TABLE result_mark (
    upload   text    COLLATE "C" NOT NULL,
    source   integer NOT NULL,
    last_row bigint  NOT NULL,
    end_row  bigint,
    PRIMARY KEY (upload, source)
) WITH (fillfactor = 70);

CREATE TABLE result_chunk (
    upload   text    COLLATE "C" NOT NULL,
    source   integer NOT NULL,
    last_row bigint  NOT NULL,
    after    bigint  NOT NULL,
    body     bytea   NOT NULL,
    PRIMARY KEY (upload, source, last_row)
);
ALTER TABLE result_chunk ALTER body SET STORAGE EXTERNAL; -- compressed already

CREATE TABLE response (
    upload      text    COLLATE "C" PRIMARY KEY,
    company     text    NOT NULL,
    kind        text    NOT NULL,
    outcome     text    NOT NULL,
    total       bigint  NOT NULL,
    applied     bigint  NOT NULL,
    unchanged   bigint  NOT NULL,
    failed      bigint  NOT NULL,
    unprocessed bigint  NOT NULL,
    warned      bigint  NOT NULL,
    amount      numeric NOT NULL,
    finished_at bigint  NOT NULL, -- milliseconds since 1970, as told to everybody
    body        bytea   NOT NULL
);

-- Fences and turns are taken from one sequence: a fence never comes again, also
-- when a job is deleted and made anew, and the smallest turn was served longest ago.
CREATE SEQUENCE job_number;

CREATE TABLE job (
    kind        text        COLLATE "C" NOT NULL,
    upload      text        COLLATE "C" NOT NULL,
    fence       bigint      NOT NULL,
    owner       text        NOT NULL DEFAULT '',
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    turn        bigint      NOT NULL DEFAULT 0, -- when it was served last; 0: never
    total       bigint      NOT NULL,
    state       bytea       NOT NULL DEFAULT '',
    PRIMARY KEY (kind, upload)
) WITH (fillfactor = 50);

CREATE INDEX job_turn ON job (kind, turn, total, upload);

CREATE TABLE progress (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster     text    COLLATE "C" NOT NULL,
    topic       text    COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint  NOT NULL,
    seq         bigint  NOT NULL DEFAULT 0,
    published   bigint  NOT NULL DEFAULT 0,
    UNIQUE (cluster, topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE apply_mark (
    upload    text    COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    last_row  bigint  NOT NULL,
    PRIMARY KEY (upload, partition)
) WITH (fillfactor = 70);

CREATE TABLE journal (
    source bigint NOT NULL,
    seq    bigint NOT NULL,
    body   bytea  NOT NULL,
    PRIMARY KEY (source, seq)
);
ALTER TABLE journal ALTER body SET STORAGE EXTERNAL; -- compressed already

CREATE TABLE journal_upload (
    upload text   COLLATE "C" NOT NULL,
    source bigint NOT NULL,
    seq    bigint NOT NULL,
    PRIMARY KEY (upload, source, seq)
);

CREATE TABLE analytics_block (
    cluster     text    COLLATE "C" NOT NULL,
    topic       text    COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    from_offset bigint  NOT NULL,
    to_offset   bigint  NOT NULL,
    done        boolean NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
);

CREATE TABLE setting (
    name  text  PRIMARY KEY,
    value bytea NOT NULL
);
