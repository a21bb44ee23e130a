-- When the store last learnt something: a batch of repeats teaches nothing, so it makes no new run.
SELECT max(ingested_at) FROM store.ingest_batch WHERE stored > 0
