-- Reasons to refuse a row of an external file: the rule named in `incident.sql`, a stable reason code, a sentence about
-- the file's columns, and JSON pointers to the values that the sentence shows: of times, numbers and words of offences
-- only, never of ids or free text; those of one time
-- (is_time) are one text. Reads named_column (ours, theirs, pointers).
CREATE OR REPLACE TEMP TABLE refusal AS
WITH rule (rule, reason, ours, is_shown, detail) AS (
    VALUES
    ('early_time', 'impossible_date', 'occurred_at', true, '{} is before 1901: a placeholder or a slip.'),
    ('future_time', 'future_date', 'occurred_at', true, '{} is after the time of reading plus ingest.future_tolerance_minutes.'),
    ('no_zone', 'naive_time', 'occurred_at', true, '{} states no offset; set time_zone in the mapping, then replay.'),
    ('bad_interval', 'bad_interval', 'occurred_to', true, '{} is before the time that occurred_at gives, as the end of the interval.'),
    ('future_end', 'future_date', 'occurred_to', true, '{} is after the time of reading plus ingest.future_tolerance_minutes.'),
    ('no_end_zone', 'naive_time', 'occurred_to', true, '{} states no offset; set time_zone in the mapping, then replay.'),
    ('bad_version', 'bad_value', 'version', true, '{} is no whole number of 15 digits at most.'),
    ('bad_status', 'bad_value', 'status', false, '{} holds a word that the mapping does not list under statuses; add it there, then replay.'),
    ('bad_discovery', 'bad_value', 'discovery', false, '{} holds a word that the mapping does not list under discoveries; add it there, then replay.'),
    ('bad_domestic', 'bad_value', 'domestic', false, '{} holds a word that is neither among true_values nor a plain no; list it under true_values, or as nothing under blanks, then replay.'),
    ('no_discovery', 'bad_value', 'offence', true, 'discovery follows neither from the row nor from {} nor from the mapping.'),
    ('no_number', 'bad_coordinate', 'point', true, 'No number in {}; if it has marks, set decimal and thousands in the mapping, then replay.'),
    ('no_point', 'bad_coordinate', 'point', false, 'No point in {}: expected POINT (lon lat), (lat, lon), GeoJSON or {"latitude": …, "longitude": …}.'),
    ('half_location', 'bad_coordinate', 'point', true, 'One of {} is given, not both.'),
    ('swapped', 'bad_coordinate', 'point', true, 'No place on Earth at {}; x and y may be swapped in the mapping.'),
    ('off_earth', 'bad_coordinate', 'point', true, 'No place on Earth at {} in the crs that the mapping states, or WGS84 where it states none.'),
    ('at_zero', 'bad_coordinate', 'point', true, '0, 0 at {}: what a failed geocoding leaves, in the open sea.'),
    ('no_location', 'no_location', 'point', false, 'The row has neither coordinates nor an area.'),
    ('not_in_gazetteer', 'no_location', 'point', false, 'The row has neither coordinates nor an area, and its place is not in the gazetteer; add it there, then replay.'),
    ('no_offence', 'missing_field', 'offence', false, '{} is blank.'),
    ('unknown_offence', 'unknown_offence_code', 'offence', true, '{} is not in the mapping''s table of offences; add it there, then replay.'),
    ('unchecked_offence', 'unchecked_offence', 'offence', true, '{} is marked check in the mapping''s table of offences; look at its code there, remove the mark, then replay.'),
    ('no_id', 'empty_id', 'incident_id', false, '{} is blank and should identify something.'),
    ('clash', 'same_id', 'incident_id', false, 'Other rows of the file have the same {} and say something else; say in the mapping what that means (same_id: gravest, each or later_load_corrects), then load the file again.'),
    ('conflict', 'same_id', 'incident_id', false, 'The same {} is stored with other content; if a later file corrects an earlier one, set same_id: later_load_corrects in the mapping, then load the file again.'),
    ('named', 'names_person', 'incident_id', false, '{} or an area holds a pseudonym of harmspot; send the source''s own.')
),
fault (fault, reason, detail) AS (
    VALUES
    ('no', 'missing_field', '{} is blank.'),
    ('bad', 'bad_value', '{} is no time in the format that the mapping states, or in ISO 8601 where it states none.'),
    ('digits', 'bad_value', '{} holds digits that are an epoch or a date without marks, and the file does not tell which; set its format (epoch_s, epoch_ms or a pattern) in the mapping, then replay.'),
    ('zone', 'bad_zone', '{} states a zone that is no abbreviation of the mapping''s time_zone; set time_zone, or have it written as -05:00.'),
    ('early', 'impossible_date', '{} is before 1901: a placeholder or a slip.'),
    ('future', 'future_date', '{} is after the time of reading plus ingest.future_tolerance_minutes.'),
    ('naive', 'naive_time', '{} states no offset; set time_zone in the mapping, then replay.'),
    ('order', 'ambiguous_date', '{} begins with day or month, and the file does not tell which; set its format in the mapping, then replay.')
),
every AS (
    FROM rule
    UNION ALL
    SELECT concat(fault.fault, ':', time.ours), fault.reason, time.ours, fault.fault <> 'no', fault.detail
    FROM fault
    CROSS JOIN (SELECT unnest(['occurred_at', 'occurred_to', 'reported_at', 'updated_at']) AS ours) AS time
)
SELECT
    every.rule,
    every.reason,
    replace(every.detail, '{}', coalesce(named_column.theirs, every.ours)) AS detail,
    replace(coalesce(named_column.theirs, every.ours), '`', '') AS about,
    CASE WHEN every.is_shown THEN named_column.pointers END AS pointers,
    every.ours LIKE '%_at' OR every.ours = 'occurred_to' AS is_time
FROM every
LEFT JOIN named_column USING (ours)
