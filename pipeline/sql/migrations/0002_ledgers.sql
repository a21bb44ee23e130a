-- Who a pseudonym is, how far each partition was read, what became of each batch, what could not be used, and what
-- people did.

CREATE TABLE store.identity (
    person_id VARCHAR NOT NULL,      -- pseudonym
    raw_person_id VARCHAR NOT NULL
);

CREATE TABLE store.consumer_offset (
    topic VARCHAR NOT NULL,
    partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE store.ingest_batch (
    batch_id BIGINT NOT NULL,        -- 1, 2, … in order of commit
    source VARCHAR NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL, -- never falls from batch to batch
    rows_in BIGINT NOT NULL,         -- = stored + duplicates + dead
    stored BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    dead BIGINT NOT NULL,
    conflicts BIGINT NOT NULL        -- among stored
);

CREATE TABLE store.dead_letter (
    topic VARCHAR NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    mapping VARCHAR,
    payload BLOB NOT NULL,
    payload_hash UHUGEINT NOT NULL,
    batch_id BIGINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ          -- when a replay stored it; null while it waits
);

CREATE TABLE store.human_event (
    event_id VARCHAR NOT NULL,       -- hash of the other columns: the same act is recorded once
    kind VARCHAR NOT NULL,           -- review, approve, serve, withdraw, override
    actor VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,        -- notice, list or run acted upon
    "at" TIMESTAMPTZ NOT NULL,
    detail VARCHAR
);
