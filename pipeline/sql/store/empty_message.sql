-- Emptied messages are no longer sent; their ids stay, so that they are not written again.
UPDATE store.outbox
SET payload = ''::BLOB, delivered_at = coalesce(delivered_at, $at)
WHERE rowid IN (SELECT unnest($rows::BIGINT[]))
