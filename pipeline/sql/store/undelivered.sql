-- Undelivered messages (of one topic, if $topic is given), oldest first.
SELECT topic, key, message_id, payload
FROM store.outbox
WHERE delivered_at IS NULL AND ($topic IS NULL OR topic = $topic)
ORDER BY sequence
LIMIT $at_most
