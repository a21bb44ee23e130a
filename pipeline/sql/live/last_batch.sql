-- Id of the last batch ingested by $known_at (null: of all batches).
SELECT coalesce(max(batch_id), 0)
FROM store.ingest_batch
WHERE $known_at IS NULL OR ingested_at <= $known_at
