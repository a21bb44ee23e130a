-- name: is_one
SELECT is_rehearsal FROM store.rehearsal

-- name: mark
-- Nothing was loaded into the store, decided or read.
INSERT INTO store.rehearsal
SELECT true
WHERE
    NOT EXISTS (SELECT 1 FROM store.ingest_batch)
    AND NOT EXISTS (SELECT 1 FROM store.human_event)
    AND NOT EXISTS (SELECT 1 FROM store.log_mark WHERE size_bytes > 0)
