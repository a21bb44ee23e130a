-- Next page of waiting dead letters that are events, with their payloads. Of records that are too large only the
-- beginning is stored, so they wait until the source sends smaller ones.
SELECT rowid, topic, source_partition, source_offset, payload
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping IS NULL AND reason <> 'too_large' AND rowid > $after
ORDER BY rowid
LIMIT $page
