-- Rows of an external file that are no incidents.

-- name: refused
-- Dead letters of the refused rows, each with the original row of the file. A derived id and what the file told
-- about its times are included, so that a replay reads the row as a new load of the file does; equal rows without an
-- id are numbered, because equal letters are one.
SELECT
    raw.harmspot_file AS topic,
    0::INTEGER AS source_partition,
    staged.source_offset,
    refusal.reason,
    refusal.detail,
    $mapping AS mapping,
    encode(CAST(json_merge_patch(
        to_json(raw),
        json_object(
            'harmspot_file', NULL, 'harmspot_number', NULL, 'harmspot_line', NULL,
            'harmspot_incident_id', derived_id.incident_id, 'harmspot_crs', getvariable('stated_crs'),
            'harmspot_date_order', file_date_order(raw.harmspot_file),
            'harmspot_epochs', file_epochs(raw.harmspot_file),
            'harmspot_copy', CASE WHEN rule = 'no_id' THEN nullif(row_number() OVER (
                PARTITION BY rule, raw.harmspot_file, json_merge_patch(
                    to_json(raw), json_object('harmspot_number', NULL, 'harmspot_line', NULL)
                )::VARCHAR
                ORDER BY staged.row_number
            ), 1) END
        )
    ) AS VARCHAR)) AS payload,
    refusal.about,
    values_at(refusal.pointers, to_json(raw), refusal.is_time) AS value
FROM staged
JOIN refusal USING (rule)
JOIN raw ON staged.row_number = raw.harmspot_number
LEFT JOIN derived_id ON staged.row_number = derived_id.row_number
ORDER BY staged.row_number

-- name: unread_lines
-- Lines of a file that are no rows: another number of fields, a broken quote, bytes that the encoding does not know.
SELECT
    file AS topic,
    0::INTEGER AS source_partition,
    line - 1 AS source_offset,
    'unread_line' AS reason,
    detail,
    $mapping AS mapping,
    text AS payload,
    NULL::VARCHAR AS about,
    NULL::VARCHAR AS value
FROM unread_line
ORDER BY topic, source_offset

-- name: tried_rows
-- Waiting dead letters of the mapping from one file that were valid rows, with the original row of the file.
CREATE OR REPLACE TEMP TABLE tried_row AS
SELECT topic, source_offset, decode(payload)::JSON AS payload, payload AS bytes, payload_hash
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping = $mapping AND topic = $topic AND reason <> 'unread_line'
    AND $digest IS NOT DISTINCT FROM (
        SELECT min(digest)
        FROM store.loaded_file
        WHERE loaded_file.batch_id = dead_letter.batch_id AND loaded_file.mapping = dead_letter.mapping
    )
ORDER BY batch_id, topic, source_offset, payload_hash

-- name: refused_again
-- Replayed rows that still cannot be read as incidents.
SELECT
    tried_row.topic,
    0::INTEGER AS source_partition,
    tried_row.source_offset,
    refusal.reason,
    refusal.detail,
    $mapping AS mapping,
    tried_row.bytes AS payload,
    refusal.about,
    values_at(refusal.pointers, tried_row.payload, refusal.is_time) AS value
FROM staged
JOIN refusal USING (rule)
JOIN tried_row ON staged.row_number = tried_row.rowid
ORDER BY staged.row_number
