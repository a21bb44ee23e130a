-- Counts of the rows ingested by $known_at: rows_in = stored + duplicates + merged + dead in every batch.
CREATE TABLE batch_snapshot AS
SELECT batch_id, source, ingested_at, rows_in, stored, duplicates, merged, dead, conflicts
FROM store.ingest_batch
WHERE ingested_at <= $known_at
