-- Hashes to find rows of the file that may repeat an event or a version. A table, because DuckDB fills a table on all
-- threads but returns a result on one.
CREATE OR REPLACE TEMP TABLE identity_hash AS
SELECT hash(event_id) AS event_hash, hash(id, stated_version) AS version_hash
FROM identified
