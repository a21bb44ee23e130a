-- Dead letters of the rows that no incident could be made of, each with the row as it stood in the file. A derived id
-- goes with it, so that a replay gives the row the id that a new load of the file would.
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
