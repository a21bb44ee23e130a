-- Our own events among the dead letters that wait, with their payloads.
SELECT topic, source_partition, source_offset, payload
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping IS NULL
ORDER BY batch_id, topic, source_partition, source_offset, payload_hash
