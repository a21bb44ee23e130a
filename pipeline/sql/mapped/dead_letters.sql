-- Rows of an external file that are no incidents.

-- name: refused
-- Dead letters of the refused rows, each with the original row of the file. A derived id and the order of day and
-- month are included, so that a replay reads the row as a new load of the file does.
SELECT
    raw_file.name AS topic,
    0::INTEGER AS source_partition,
    staged.source_offset,
    refusal.reason,
    detail_of(refusal.detail, refusal.pointers, to_json(raw)) AS detail,
    $mapping AS mapping,
    encode(CAST(json_merge_patch(
        to_json(raw),
        json_object(
            'harmspot_file', NULL, 'harmspot_number', NULL,
            'harmspot_incident_id', derived_id.incident_id, 'harmspot_date_order', getvariable('date_order')
        )
    ) AS VARCHAR)) AS payload
FROM staged
JOIN refusal USING (rule)
JOIN raw ON staged.row_number = raw.harmspot_number
JOIN raw_file ON raw.harmspot_file = raw_file.file
LEFT JOIN derived_id ON staged.row_number = derived_id.row_number
ORDER BY staged.row_number

-- name: unread_lines
-- Lines of a CSV file that are not valid rows: too many or too few fields, a broken quote, not UTF-8.
SELECT
    parse_filename(reject_scans.file_path) AS topic,
    0::INTEGER AS source_partition,
    min(reject_errors.line - 2)::BIGINT AS source_offset,
    'unread_line' AS reason,
    'The line has too many or too few fields, a broken quote, or bytes that are no UTF-8.' AS detail,
    $mapping AS mapping,
    encode(reject_errors.csv_line) AS payload
FROM reject_errors
JOIN reject_scans USING (scan_id, file_id)
GROUP BY ALL
ORDER BY topic, source_offset, payload

-- name: reject_tables
-- DuckDB creates these tables when it reads CSV; Parquet has no refused lines.
CREATE TEMP TABLE IF NOT EXISTS reject_scans (scan_id UBIGINT, file_id UBIGINT, file_path VARCHAR);
CREATE TEMP TABLE IF NOT EXISTS reject_errors (scan_id UBIGINT, file_id UBIGINT, line UBIGINT, csv_line VARCHAR);

-- name: tried_rows
-- Waiting dead letters of the mapping that were valid rows, with the original row of the file.
CREATE OR REPLACE TEMP TABLE tried_row AS
SELECT topic, source_offset, decode(payload)::JSON AS payload, payload AS bytes, payload_hash
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping = $mapping AND reason <> 'unread_line'
ORDER BY batch_id, topic, source_offset, payload_hash

-- name: refused_again
-- Replayed rows that still cannot be read as incidents.
SELECT
    tried_row.topic,
    0::INTEGER AS source_partition,
    tried_row.source_offset,
    refusal.reason,
    detail_of(refusal.detail, refusal.pointers, tried_row.payload) AS detail,
    $mapping AS mapping,
    tried_row.bytes AS payload
FROM staged
JOIN refusal USING (rule)
JOIN tried_row ON staged.row_number = tried_row.rowid
ORDER BY staged.row_number
