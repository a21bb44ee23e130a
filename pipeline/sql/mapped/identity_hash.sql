-- Hashes by which rows of the file that repeat an event or a version are suspected. A table, for DuckDB fills it on every
-- thread, and hands a result out on one.
CREATE OR REPLACE TEMP TABLE identity_hash AS
SELECT hash(event_id) AS event_hash, hash(id, stated_version) AS version_hash
FROM identified
