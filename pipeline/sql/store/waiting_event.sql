-- The next page of our own events among the dead letters that wait, with their payloads; of those too large only a
-- beginning is kept, so they wait until the source sends them smaller.
SELECT rowid, topic, source_partition, source_offset, payload
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping IS NULL AND reason <> 'too_large' AND rowid > $after
ORDER BY rowid
LIMIT $page
