-- Reasons to refuse a row of an external file: the rule named in `incident.sql`, a stable reason code, a sentence.
CREATE OR REPLACE TEMP TABLE refusal AS
SELECT *
FROM (
    VALUES
    ('no_time', 'missing_field', '`occurred_at` is blank.'),
    ('bad_time', 'bad_value', '`occurred_at` is no time in the format that the mapping states.'),
    ('early_time', 'impossible_date', '`occurred_at` is before 1901: a placeholder or a slip.'),
    ('future_time', 'future_date', '`occurred_at` is after the time of reading plus ingest.future_tolerance_minutes.'),
    ('no_zone', 'naive_time', '`occurred_at` states no offset; set time_zone in the mapping, then replay.'),
    ('bad_reported', 'bad_value', '`reported_at` is no time in the format that the mapping states, or has no zone.'),
    ('bad_version', 'bad_value', '`version` or `updated_at` holds something that is no number or time.'),
    ('bad_status', 'bad_value', '`status` holds a word that the mapping does not list under statuses.'),
    ('no_discovery', 'bad_value', '`discovery` follows neither from the row nor from the offence nor from the mapping.'),
    ('no_number', 'bad_coordinate', '`x` or `y` is no finite number.'),
    ('half_location', 'bad_coordinate', 'One of `x` and `y` is given, not both.'),
    ('off_earth', 'bad_coordinate', '`x` and `y` are no place on Earth in the crs that the mapping states.'),
    ('at_zero', 'bad_coordinate', '`x` and `y` are 0, 0: what a failed geocoding leaves, in the open sea.'),
    ('no_location', 'no_location', 'The row has neither coordinates nor an area.'),
    ('no_offence', 'missing_field', '`offence` is blank.'),
    ('unknown_offence', 'unknown_offence_code', '`offence` is not in the mapping''s table of offences; add it there, then replay.'),
    ('no_id', 'empty_id', '`incident_id` is blank and should identify something.'),
    ('clash', 'same_id', 'Other rows of the file have the same `incident_id` and say something else; say in the mapping what that means (same_id: gravest, each or later_load_corrects), then load the file again.'),
    ('conflict', 'same_id', '`incident_id` is stored with other content; if a later file corrects an earlier one, set same_id: later_load_corrects in the mapping, then load the file again.'),
    ('named', 'names_person', '`incident_id` or an area holds a pseudonym of harmspot; send the source''s own.')
) AS refusals (rule, reason, detail)
