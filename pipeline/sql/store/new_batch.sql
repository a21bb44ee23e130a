-- Id and time of the next batch. Ingestion times always increase; otherwise an earlier `known_at` would gain rows.
SELECT
    coalesce(max(batch_id), 0) + 1 AS batch_id,
    greatest(coalesce(max(ingested_at) + INTERVAL 1 MICROSECOND, $ingested_at), $ingested_at) AS ingested_at
FROM store.ingest_batch
