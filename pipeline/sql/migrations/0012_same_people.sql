-- Pairs of ids that are one person, or were joined in error: every version, as of the other entities.
CREATE TABLE store.same_person_version (
    event_source VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    event_time TIMESTAMPTZ,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    person_id VARCHAR NOT NULL,
    same_person_id VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    status VARCHAR NOT NULL,
    content_hash UHUGEINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    batch_id BIGINT NOT NULL
)
