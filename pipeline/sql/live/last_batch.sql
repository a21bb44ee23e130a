-- The last batch that had come in by $known_at (null: that there is at all).
SELECT coalesce(max(batch_id), 0)
FROM store.ingest_batch
WHERE $known_at IS NULL OR ingested_at <= $known_at
