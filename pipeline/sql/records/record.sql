-- Rows of an external file as the `data` of events (docs/events.md), by kind of record. Each reads temporary view
-- `sound_record`: the rows that no rule refuses, columns under our names; times are RFC 3339 text, without an offset if
-- the file states none.

-- name: involvements
-- Of an involvement the person alone: its incident is looked up in the store.
SELECT row_number, to_json({'person_id': person_id, 'version': 1}) AS data
FROM sound_record
ORDER BY row_number

-- name: persons
SELECT
    row_number,
    to_json({
        'person_id': person_id,
        'version': stated_version,
        'birth_date': birth_date,
        'birth_year': birth_year,
        'deceased_at': deceased_at,
        'treatment': {'consent': treatment_consent, 'engaged': treatment_engaged}
    }) AS data
FROM sound_record
ORDER BY row_number

-- name: same_persons
SELECT
    row_number,
    to_json({
        'person_id': person_id,
        'same_as': same_as,
        'version': stated_version,
        'status': coalesce(status, 'joined')
    }) AS data
FROM sound_record
ORDER BY row_number

-- name: warrants
SELECT
    row_number,
    to_json({
        'warrant_id': kept_id(warrant_id),
        'version': stated_version,
        'person_id': person_id,
        'kind': kind,
        'issued_at': issued_at,
        'status': status,
        'underlying_offence_code': offence_code
    }) AS data
FROM sound_record
ORDER BY row_number

-- name: custody
SELECT
    row_number,
    to_json({
        'person_id': person_id,
        'version': stated_version,
        'from': custody_from,
        'to': custody_to,
        'kind': coalesce(kind, 'custody')
    }) AS data
FROM sound_record
ORDER BY row_number

-- name: staffing
-- A week is one long shift, from local midnight to local midnight.
SELECT
    row_number,
    to_json({
        'area_id': area_id,
        'version': stated_version,
        'shift_start': coalesce(shift_start, strftime(week, '%Y-%m-%dT00:00:00')),
        'shift_end': coalesce(shift_end, strftime(week + INTERVAL 7 DAY, '%Y-%m-%dT00:00:00')),
        'rostered_hours': coalesce(rostered_hours, available_hours),
        'available_hours': coalesce(available_hours, rostered_hours)
    }) AS data
FROM sound_record
ORDER BY row_number

-- name: actions
SELECT
    row_number,
    to_json({
        'action_id': action_id,
        'version': stated_version,
        'kind': kind,
        'actor': coalesce(actor, 'unstated'),
        'subject': subject,
        'area': area,
        'notice_id': notice_id,
        'at': "at",
        'hours': hours,
        'count': "count",
        'days': days,
        'detail': detail
    }) AS data
FROM sound_record
ORDER BY row_number

-- name: offence_join
LEFT JOIN offence_word
    ON extract.offence = offence_word.offence
    AND extract.offence_detail IS NOT DISTINCT FROM offence_word.offence_detail

-- name: updated_at_join
LEFT JOIN updated_at_span
    ON year(extract.updated_at_local) = updated_at_span.year
    AND extract.updated_at_local >= updated_at_span.local_from
    AND extract.updated_at_local < updated_at_span.local_to

-- name: event
-- The rows of `record_data` as events. Their ids are given after decoding (see `kept`).
SELECT
    row_number,
    encode(CAST(json_object(
        'specversion', '1.0', 'type', $type, 'source', $source, 'id', concat('row-', row_number), 'data', data
    ) AS VARCHAR)) AS value
FROM record_data
ORDER BY row_number

-- name: refused_row
CREATE OR REPLACE TEMP TABLE refused_row AS
SELECT
    record.row_number,
    record_rule.reason,
    record_rule.detail,
    record_rule.about,
    to_json(raw) ->> concat('/', replace(replace(record_rule.shown, '~', '~0'), '/', '~1')) AS value
FROM record
JOIN record_rule ON record.rule = record_rule.rule
JOIN raw ON record.row_number = raw.harmspot_number

-- name: refuse_more
-- What the decoder refuses (`refused_now`); the offset of an event is the number of its row.
INSERT INTO refused_row
SELECT source_offset AS row_number, reason, detail, NULL AS about, NULL AS value
FROM refused_now

-- name: refuse_same
-- Decoded rows (`staged`) that contradict another row of the file (clash) or the store (conflict).
CREATE OR REPLACE TEMP TABLE refused_row AS
SELECT
    row_number,
    'same_id' AS reason,
    CASE rule
        WHEN 'clash' THEN
            concat('Other rows of the file with the same ', $key, ' say something else; keep one of them, or name in the mapping the column that tells the later one (updated_at or version), then load the file again.')
        ELSE
            concat('The same ', $key, ' is stored with other content; if a later file corrects an earlier one, set same_id: later_load_corrects in the mapping, then load the file again.')
    END AS detail,
    NULL::VARCHAR AS about,
    NULL::VARCHAR AS value
FROM staged
WHERE rule IS NOT NULL

-- name: refused
-- Dead letters of the refused rows (`refused_row`: row_number, reason, detail, about, value), each with the original row of the file and
-- what the file told about its times.
SELECT
    raw.harmspot_file AS topic,
    0::INTEGER AS source_partition,
    raw.harmspot_line - 1 AS source_offset,
    refused_row.reason,
    refused_row.detail,
    $mapping AS mapping,
    encode(CAST(json_merge_patch(
        to_json(raw),
        json_object(
            'harmspot_file', NULL, 'harmspot_number', NULL, 'harmspot_line', NULL,
            'harmspot_date_order', file_date_order(raw.harmspot_file),
            'harmspot_epochs', file_epochs(raw.harmspot_file)
        )
    ) AS VARCHAR)) AS payload,
    refused_row.about,
    refused_row.value
FROM refused_row
JOIN raw ON refused_row.row_number = raw.harmspot_number
ORDER BY refused_row.row_number

-- name: refused_again
-- Replayed rows that are refused again; the bytes stay the same, because the waiting letter is found by them.
SELECT
    tried_row.topic,
    0::INTEGER AS source_partition,
    tried_row.source_offset,
    refused_row.reason,
    refused_row.detail,
    $mapping AS mapping,
    tried_row.bytes AS payload,
    refused_row.about,
    refused_row.value
FROM refused_row
JOIN tried_row ON refused_row.row_number = tried_row.rowid
ORDER BY refused_row.row_number

-- name: kept
-- Decoded rows (`decoded_row`, whose source_offset is the row's number) with the line of the file that each came from.
-- The id of an event is a hash of what identifies the entity: of a person and a stay that is the pseudonym.
SELECT
    decoded_row.* EXCLUDE (entity_key) REPLACE (
        concat(md5(decoded_row.entity_key), '@', decoded_row.version) AS event_id,
        raw.harmspot_line - 1 AS source_offset
    ),
    record.row_number,
    raw.harmspot_file AS file,
    record.is_version_stated
FROM decoded_row
JOIN record ON decoded_row.source_offset = record.row_number
JOIN raw ON record.row_number = raw.harmspot_number
ORDER BY record.row_number
