INSERT INTO store.ingest_batch
VALUES ($batch_id, $source, $ingested_at, $rows_in, $stored, $duplicates, $dead, $conflicts)
