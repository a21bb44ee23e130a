-- Waiting dead letters, without their payloads, in order of arrival.
SELECT batch_id, ingested_at, topic, source_partition, source_offset, reason, detail, mapping
FROM store.dead_letter
WHERE resolved_at IS NULL
ORDER BY batch_id, topic, source_partition, source_offset, payload_hash
