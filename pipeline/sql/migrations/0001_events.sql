-- Every version of every entity, with the content's hash and the batch that brought it. The columns are those of
-- pipeline/events/columns.py; a test holds the two together. No keys: duplicates are found by hash as a batch comes in. The
-- defaults are for sources that never have the column.

-- Ids and hashes of incidents stay uncompressed: to look for a compression that they do not have takes much of a bulk
-- load.
CREATE TABLE store.incident_version (
    event_source VARCHAR NOT NULL,
    event_id VARCHAR USING COMPRESSION uncompressed NOT NULL,
    event_time TIMESTAMPTZ,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    incident_id VARCHAR USING COMPRESSION uncompressed NOT NULL,
    version BIGINT NOT NULL,
    status VARCHAR NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    occurred_precision VARCHAR NOT NULL,
    is_ambiguous_hour BOOLEAN NOT NULL,
    reported_at TIMESTAMPTZ,
    offence_code VARCHAR NOT NULL,
    discovery VARCHAR NOT NULL,
    report_channel VARCHAR,
    reporter_ref VARCHAR,
    report_subject VARCHAR,
    lon DOUBLE,
    lat DOUBLE,
    accuracy_m DOUBLE,
    area_id VARCHAR,
    is_weapon BOOLEAN NOT NULL DEFAULT false,
    is_injury BOOLEAN NOT NULL DEFAULT false,
    is_domestic BOOLEAN NOT NULL DEFAULT false,
    drug_activity VARCHAR,
    substance VARCHAR,
    market_setting VARCHAR,
    is_minor_victim BOOLEAN NOT NULL DEFAULT false,
    is_minor_used_by_adult BOOLEAN NOT NULL DEFAULT false,
    is_minor_present BOOLEAN NOT NULL DEFAULT false,
    involvements STRUCT(person_id VARCHAR, role VARCHAR)[],
    content_hash UHUGEINT USING COMPRESSION uncompressed NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    batch_id BIGINT NOT NULL
);

CREATE TABLE store.person_version (
    event_source VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    event_time TIMESTAMPTZ,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    person_id VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    birth_date DATE,
    birth_year INTEGER,
    deceased_at TIMESTAMPTZ,
    is_treatment_consented BOOLEAN,
    is_treatment_engaged BOOLEAN,
    content_hash UHUGEINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    batch_id BIGINT NOT NULL
);

CREATE TABLE store.custody_version (
    event_source VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    event_time TIMESTAMPTZ,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    person_id VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    custody_from TIMESTAMPTZ NOT NULL,
    custody_to TIMESTAMPTZ,
    kind VARCHAR NOT NULL,
    content_hash UHUGEINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    batch_id BIGINT NOT NULL
);

CREATE TABLE store.warrant_version (
    event_source VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    event_time TIMESTAMPTZ,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    warrant_id VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    person_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    status VARCHAR NOT NULL,
    underlying_offence_code VARCHAR NOT NULL,
    content_hash UHUGEINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    batch_id BIGINT NOT NULL
);

CREATE TABLE store.staffing_version (
    event_source VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    event_time TIMESTAMPTZ,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    area_id VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    shift_start TIMESTAMPTZ NOT NULL,
    shift_end TIMESTAMPTZ NOT NULL,
    rostered_hours DOUBLE NOT NULL,
    available_hours DOUBLE NOT NULL,
    content_hash UHUGEINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    batch_id BIGINT NOT NULL
);

CREATE TABLE store.action_version (
    event_source VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    event_time TIMESTAMPTZ,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    action_id VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    subject_person_id VARCHAR,
    area_id VARCHAR,
    notice_id VARCHAR,
    "at" TIMESTAMPTZ NOT NULL,
    hours DOUBLE,
    detail VARCHAR,
    content_hash UHUGEINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL,
    batch_id BIGINT NOT NULL
);
