-- What people did says what it was done to, in which order it was recorded, and its particulars as JSON; and what is to
-- be told to others waits in the same file as the state it tells of.

ALTER TABLE store.human_event ADD COLUMN subject_kind VARCHAR DEFAULT 'notice'; -- notice, list, person, run, plan
ALTER TABLE store.human_event ADD COLUMN sequence BIGINT DEFAULT 0;             -- 1, 2, … in order of recording

CREATE TABLE store.outbox (
    message_id VARCHAR NOT NULL,      -- CloudEvents id: hash of what is told to whom, so a message is written once
    topic VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    payload BLOB NOT NULL,            -- a CloudEvents 1.0 event as JSON
    created_at TIMESTAMPTZ NOT NULL,
    sequence BIGINT NOT NULL,         -- 1, 2, … in order of writing, which is the order of delivery
    delivered_at TIMESTAMPTZ          -- when it was acknowledged; null while it waits
);
