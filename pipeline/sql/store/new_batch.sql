-- Number and time of the next batch. Time of ingestion always rises, or an earlier `known_at` would come to know more.
SELECT
    coalesce(max(batch_id), 0) + 1 AS batch_id,
    greatest(coalesce(max(ingested_at) + INTERVAL 1 MICROSECOND, $ingested_at), $ingested_at) AS ingested_at
FROM store.ingest_batch
