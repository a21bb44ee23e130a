-- Number of stored rows, and the id and time of the last batch that added rows; computed without reading the rows.
SELECT count(*) AS held_rows, coalesce(max(batch_id), 0) AS last_batch, max(ingested_at) AS last_ingested_at
FROM held
