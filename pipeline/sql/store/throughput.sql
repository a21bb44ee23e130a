-- Rows per second of the latest batches from a broker: all but the first, from the first's end to the last's end.
WITH latest AS (
    SELECT *
    FROM store.ingest_batch
    WHERE source LIKE 'kafka:%'
    ORDER BY batch_id DESC
    LIMIT 20
)
SELECT
    (sum(rows_in) - min_by(rows_in, batch_id)) / nullif(date_diff('microsecond', min(ingested_at), max(ingested_at)), 0)
        * 1e6 AS rows_per_s
FROM latest
