-- Time of the last batch that stored rows: a batch of duplicates adds nothing, so it causes no new run.
SELECT max(ingested_at) FROM store.ingest_batch WHERE stored > 0
