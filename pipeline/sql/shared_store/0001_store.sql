-- The tables of the store, column for column as in the file (pipeline/sql/migrations; a test holds the two together), for
-- PostgreSQL 15 or newer. Hashes are 16 bytes, involvements JSON; what is marked encrypted was encrypted with the home's
-- key before it came here. `row_id` names a row for whoever changes it.
CREATE SCHEMA IF NOT EXISTS store;

CREATE TABLE store.migration (
    name text PRIMARY KEY,
    applied_by text NOT NULL
);

-- Whose store it is: `proof` opens with the encryption key of that home alone.
CREATE TABLE store.home (
    home_name text NOT NULL,
    proof bytea NOT NULL
);

CREATE SEQUENCE store.row_number;
CREATE SEQUENCE store.batch_number;
CREATE SEQUENCE store.last_stamp MINVALUE 0 START 0; -- microseconds since 1970 of the last time of ingestion

-- Number and time of the next batch. Both rise together, whoever draws them; a batch that fails leaves a gap. Batches
-- that were stamped may be committed in another order: whoever needs to know that none is on its way waits for the
-- clock lock (pipeline/shared_store/server.py).
CREATE FUNCTION store.stamp(now_us bigint, OUT batch_id bigint, OUT ingested_at timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(72650003);
    batch_id := nextval('store.batch_number');
    ingested_at := timestamptz 'epoch' + interval '1 microsecond'
        * setval('store.last_stamp', greatest(now_us, (SELECT last_value FROM store.last_stamp) + 1));
    PERFORM pg_advisory_unlock(72650003);
END
$$;

CREATE TABLE store.incident_version (
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_time timestamptz,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    incident_id text NOT NULL,
    version bigint NOT NULL,
    status text NOT NULL,
    occurred_at timestamptz NOT NULL,
    occurred_precision text NOT NULL,
    is_ambiguous_hour boolean NOT NULL,
    reported_at timestamptz,
    offence_code text NOT NULL,
    discovery text NOT NULL,
    report_channel text,
    reporter_ref text,
    report_subject text,
    lon double precision,
    lat double precision,
    accuracy_m double precision,
    area_id text,
    is_weapon boolean NOT NULL,
    is_injury boolean NOT NULL,
    is_domestic boolean NOT NULL,
    drug_activity text,
    substance text,
    market_setting text,
    is_minor_victim boolean NOT NULL,
    is_minor_used_by_adult boolean NOT NULL,
    is_minor_present boolean NOT NULL,
    involvements text,  -- JSON: [{person_id, role}]
    content_hash bytea NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    is_fatal boolean,
    is_naloxone_given boolean,
    price_per_gram double precision,
    purity double precision,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.person_version (
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_time timestamptz,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    person_id text NOT NULL,
    version bigint NOT NULL,
    birth_date date,
    birth_year integer,
    deceased_at timestamptz,
    is_treatment_consented boolean,
    is_treatment_engaged boolean,
    content_hash bytea NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.same_person_version (
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_time timestamptz,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    person_id text NOT NULL,
    same_person_id text NOT NULL,
    version bigint NOT NULL,
    status text NOT NULL,
    content_hash bytea NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.custody_version (
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_time timestamptz,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    person_id text NOT NULL,
    version bigint NOT NULL,
    custody_from timestamptz NOT NULL,
    custody_to timestamptz,
    kind text NOT NULL,
    content_hash bytea NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.warrant_version (
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_time timestamptz,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    warrant_id text NOT NULL,
    version bigint NOT NULL,
    person_id text NOT NULL,
    kind text NOT NULL,
    issued_at timestamptz NOT NULL,
    status text NOT NULL,
    underlying_offence_code text NOT NULL,
    content_hash bytea NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.staffing_version (
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_time timestamptz,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    area_id text NOT NULL,
    version bigint NOT NULL,
    shift_start timestamptz NOT NULL,
    shift_end timestamptz NOT NULL,
    rostered_hours double precision NOT NULL,
    available_hours double precision NOT NULL,
    content_hash bytea NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.action_version (
    event_source text NOT NULL,
    event_id text NOT NULL,
    event_time timestamptz,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    action_id text NOT NULL,
    version bigint NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    subject_person_id text,
    area_id text,
    notice_id text,
    "at" timestamptz NOT NULL,
    hours double precision,
    detail text,
    content_hash bytea NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    offence_code text,
    party text,
    "count" bigint,
    days double precision,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.identity (
    person_id text NOT NULL,
    raw_person_id bytea NOT NULL,  -- encrypted
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.consumer_offset (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.topic_read (
    topic text NOT NULL,
    topic_id text NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.ingest_batch (
    batch_id bigint NOT NULL,
    source text NOT NULL,
    ingested_at timestamptz NOT NULL,
    rows_in bigint NOT NULL,
    stored bigint NOT NULL,
    duplicates bigint NOT NULL,
    dead bigint NOT NULL,
    conflicts bigint NOT NULL,
    merged bigint,
    cancelled bigint,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.loaded_file (
    batch_id bigint NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    kind text NOT NULL,
    mapping text NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.dead_letter (
    topic text NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    reason text NOT NULL,
    detail bytea NOT NULL,  -- encrypted
    mapping text,
    payload bytea NOT NULL,  -- encrypted
    payload_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    ingested_at timestamptz NOT NULL,
    resolved_at timestamptz,
    about text,
    value bytea,  -- encrypted
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.human_event (
    event_id text NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    subject text NOT NULL,
    "at" timestamptz NOT NULL,
    detail bytea,  -- encrypted
    subject_kind text,
    sequence bigint,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.outbox (
    message_id text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    payload bytea NOT NULL,  -- encrypted
    created_at timestamptz NOT NULL,
    sequence bigint NOT NULL,
    delivered_at timestamptz,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.live_standing (
    run_id text NOT NULL,
    place_kind text NOT NULL,
    place_id text NOT NULL,
    standing text NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.log_mark (
    size_bytes bigint NOT NULL,
    entry_hash text NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.erased_id (
    keyed_hash text NOT NULL,
    run_count integer NOT NULL,
    size integer NOT NULL,
    longest integer NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.keyed_until (
    batch_id bigint NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

CREATE TABLE store.rehearsal (
    is_rehearsal boolean NOT NULL,
    row_id bigint NOT NULL DEFAULT nextval('store.row_number')
);

-- An event is stored once for each time and content: what two consumers store at once, too.
CREATE UNIQUE INDEX incident_event ON store.incident_version (event_id, event_source, event_time, content_hash) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX person_event ON store.person_version (event_id, event_source, event_time, content_hash) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX same_person_event ON store.same_person_version (event_id, event_source, event_time, content_hash) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX custody_event ON store.custody_version (event_id, event_source, event_time, content_hash) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX warrant_event ON store.warrant_version (event_id, event_source, event_time, content_hash) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX staffing_event ON store.staffing_version (event_id, event_source, event_time, content_hash) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX action_event ON store.action_version (event_id, event_source, event_time, content_hash) NULLS NOT DISTINCT;

-- By these the versions of an entity are found that contradict a new one.
CREATE INDEX incident_entity ON store.incident_version (incident_id, version);
CREATE INDEX person_entity ON store.person_version (person_id, version);
CREATE INDEX same_person_entity ON store.same_person_version (person_id, same_person_id, version);
CREATE INDEX custody_entity ON store.custody_version (person_id, custody_from, version);
CREATE INDEX warrant_entity ON store.warrant_version (warrant_id, version);
CREATE INDEX staffing_entity ON store.staffing_version (area_id, shift_start, shift_end, version);
CREATE INDEX action_entity ON store.action_version (action_id, version);

-- By these what came in since a batch is found, without reading what came before.
CREATE INDEX incident_batch ON store.incident_version USING brin (batch_id);

-- One row for each: what two consumers add at once is added once.
ALTER TABLE store.identity ADD PRIMARY KEY (person_id);
ALTER TABLE store.consumer_offset ADD PRIMARY KEY (topic, partition);
ALTER TABLE store.topic_read ADD PRIMARY KEY (topic);
ALTER TABLE store.ingest_batch ADD PRIMARY KEY (batch_id);
ALTER TABLE store.human_event ADD PRIMARY KEY (event_id);
ALTER TABLE store.outbox ADD PRIMARY KEY (message_id);
ALTER TABLE store.live_standing ADD PRIMARY KEY (run_id, place_kind, place_id);
ALTER TABLE store.erased_id ADD PRIMARY KEY (keyed_hash);
CREATE UNIQUE INDEX letter_waits_once ON store.dead_letter (topic, payload_hash, coalesce(mapping, ''))
WHERE resolved_at IS NULL;
CREATE INDEX message_waits ON store.outbox (topic, sequence) WHERE delivered_at IS NULL;

INSERT INTO store.log_mark VALUES (0, repeat('0', 64));
INSERT INTO store.keyed_until VALUES (0);
