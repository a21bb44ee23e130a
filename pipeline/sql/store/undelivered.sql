-- The messages that wait, oldest first.
SELECT topic, key, message_id, payload
FROM store.outbox
WHERE delivered_at IS NULL
ORDER BY sequence
LIMIT $at_most
