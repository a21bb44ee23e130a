-- Which file each batch loaded through which mapping, how many of its rows were merged into another and how many entities
-- it withdrew, and what a dead letter is about.
CREATE TABLE store.loaded_file (
    batch_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,         -- hash of the file's content
    kind VARCHAR NOT NULL,           -- of its records: incidents, involvements, persons …
    mapping VARCHAR NOT NULL
);
ALTER TABLE store.ingest_batch ADD COLUMN merged BIGINT DEFAULT 0;
ALTER TABLE store.ingest_batch ADD COLUMN cancelled BIGINT DEFAULT 0;
ALTER TABLE store.dead_letter ADD COLUMN about VARCHAR;
ALTER TABLE store.dead_letter ADD COLUMN value VARCHAR
