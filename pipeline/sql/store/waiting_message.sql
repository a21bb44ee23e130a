-- Number of undelivered messages by topic.
SELECT topic, count(*) AS messages, min(created_at) AS oldest_at
FROM store.outbox
WHERE delivered_at IS NULL
GROUP BY topic
ORDER BY topic
