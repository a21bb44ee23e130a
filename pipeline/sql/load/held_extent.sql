-- How many rows the store holds, and the last batch that brought any, with its time; known without reading the rows.
SELECT count(*) AS held_rows, coalesce(max(batch_id), 0) AS last_batch, max(ingested_at) AS last_ingested_at
FROM held
