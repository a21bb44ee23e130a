SELECT batch_id, source, ingested_at, rows_in, stored, duplicates, dead, conflicts
FROM store.ingest_batch
ORDER BY batch_id
