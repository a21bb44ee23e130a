-- Dead letters of the refused rows, each with the original row of the file. A derived id is included, so that a replay
-- gives the row the same id as a new load of the file.
SELECT
    raw_file.name AS topic,
    0::INTEGER AS source_partition,
    staged.source_offset,
    refusal.reason,
    refusal.detail,
    $mapping AS mapping,
    encode(CAST(json_merge_patch(
        to_json(raw),
        json_object('harmspot_file', NULL, 'harmspot_number', NULL, 'harmspot_incident_id', derived_id.incident_id)
    ) AS VARCHAR)) AS payload
FROM staged
JOIN refusal USING (rule)
JOIN raw ON staged.row_number = raw.harmspot_number
JOIN raw_file ON raw.harmspot_file = raw_file.file
LEFT JOIN derived_id ON staged.row_number = derived_id.row_number
ORDER BY staged.row_number
