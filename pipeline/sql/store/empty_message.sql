-- What is emptied is not sent any more; its id stays, so that it is not written again.
UPDATE store.outbox
SET payload = ''::BLOB, delivered_at = coalesce(delivered_at, $at)
WHERE rowid IN (SELECT unnest($rows::BIGINT[]))
