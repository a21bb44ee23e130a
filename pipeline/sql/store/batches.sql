-- Batches of ingestion: their numbers, times and counts.

-- name: new
-- Id and time of the next batch. Ingestion times always increase; otherwise an earlier `known_at` would gain rows.
SELECT
    coalesce(max(batch_id), 0) + 1 AS batch_id,
    greatest(coalesce(max(ingested_at) + INTERVAL 1 MICROSECOND, $ingested_at), $ingested_at) AS ingested_at
FROM store.ingest_batch

-- name: add
INSERT INTO store.ingest_batch
VALUES ($batch_id, $source, $ingested_at, $rows_in, $stored, $duplicates, $dead, $conflicts, $merged, $cancelled)

-- name: all
SELECT batch_id, source, ingested_at, rows_in, stored, duplicates, merged, cancelled, dead, conflicts
FROM store.ingest_batch
ORDER BY batch_id

-- name: known_until
-- Time of the last batch that stored rows: a batch of duplicates adds nothing, so it causes no new run.
SELECT max(ingested_at) FROM store.ingest_batch WHERE stored + cancelled > 0

-- name: rows
-- Rows of all batches by outcome.
UNPIVOT (
    SELECT
        coalesce(sum(stored), 0)::BIGINT AS stored, coalesce(sum(duplicates), 0)::BIGINT AS duplicate,
        coalesce(sum(merged), 0)::BIGINT AS merged, coalesce(sum(dead), 0)::BIGINT AS dead
    FROM store.ingest_batch
)
ON COLUMNS(*) INTO NAME outcome VALUE total

-- name: newest_incident
SELECT max(occurred_at) AS newest_incident_at FROM store.incident_version

-- name: last_at
SELECT max(ingested_at) FROM store.ingest_batch

-- name: daily_share
-- What share of all rows comes in on a day: the median of the days of the last thirty on which any did, so that a first
-- load of years counts as one day.
WITH day AS (
    SELECT CAST(ingested_at AS DATE) AS came_on, sum(stored) AS stored_rows
    FROM store.ingest_batch
    WHERE stored > 0
    GROUP BY came_on
)
SELECT
    coalesce(median(stored_rows) FILTER (came_on > (SELECT max(came_on) FROM day) - 30) / sum(stored_rows), 0)::DOUBLE
FROM day

-- name: throughput
-- Time of the last batch, and rows per second of the latest batches from a broker: all but the first, from the first's
-- end to the last's end.
WITH latest AS (
    SELECT *
    FROM store.ingest_batch
    WHERE source LIKE 'kafka:%'
    ORDER BY batch_id DESC
    LIMIT 20
)
SELECT
    (SELECT max(ingested_at) FROM store.ingest_batch) AS last_ingested_at,
    (sum(rows_in) - min_by(rows_in, batch_id)) / nullif(date_diff('microsecond', min(ingested_at), max(ingested_at)), 0)
        * 1e6 AS rows_per_s
FROM latest
