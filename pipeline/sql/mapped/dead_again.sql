-- Replayed rows that still cannot be read as incidents.
SELECT
    tried_row.topic,
    0::INTEGER AS source_partition,
    tried_row.source_offset,
    refusal.reason,
    refusal.detail,
    $mapping AS mapping,
    tried_row.bytes AS payload
FROM staged
JOIN refusal USING (rule)
JOIN tried_row ON staged.row_number = tried_row.rowid
ORDER BY staged.row_number
