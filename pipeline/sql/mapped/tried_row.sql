-- Waiting dead letters of the mapping that were valid rows, with the original row of the file.
CREATE OR REPLACE TEMP TABLE tried_row AS
SELECT topic, source_offset, decode(payload)::JSON AS payload, payload AS bytes, payload_hash
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping = $mapping AND reason <> 'unread_line'
ORDER BY batch_id, topic, source_offset, payload_hash
