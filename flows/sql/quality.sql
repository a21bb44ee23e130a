-- What the figures of a run leave out, and how sure its input is.

-- name: ingest_totals
-- Row counts of every batch that stored a new version: rows_in = versions_stored + duplicates +
-- merged + dead_letters. A file loaded again stores nothing; rows of a replay are counted in their original batch.
SELECT
    coalesce(sum(rows_in), 0) AS rows_in,
    coalesce(sum(stored), 0) AS versions_stored,
    coalesce(sum(duplicates), 0) AS duplicates,
    coalesce(sum(merged), 0) AS merged,
    coalesce(sum(dead), 0) AS dead_letters,
    coalesce(sum(conflicts), 0) AS conflicts,
    (SELECT count(*) FROM dead_letter_snapshot) AS dead_letters_waiting
FROM batch_snapshot
WHERE stored > 0 AND NOT starts_with(source, 'replay of ')

-- name: dead_by_reason
-- The waiting dead letters by reason: how many, in which columns, how many different values, and where the first stands.
-- The values themselves stay in the store: a column that is mapped by mistake could name somebody.
SELECT
    reason,
    count(*) AS n,
    coalesce(string_agg(DISTINCT about, ', ' ORDER BY about), '') AS about,
    count(DISTINCT value) AS different_values,
    min_by(concat(topic, ', line ', source_offset + 1), (topic, source_offset)) FILTER (mapping IS NOT NULL) AS place
FROM dead_letter_snapshot
GROUP BY reason
ORDER BY reason

-- name: placement
-- Counts of incidents that the placement could not use: facts about the current map and the source, not errors.
SELECT
    count(*) AS incident_count,
    count(*) FILTER (WHERE area_id IS NULL AND has_point) AS outside_count,
    count(*) FILTER (WHERE area_id IS NULL AND NOT has_point) AS unknown_area_count,
    count(*) FILTER (WHERE NOT has_point AND area_id IS NOT NULL) AS area_only_count,
    count(*) FILTER (WHERE discovery = 'police') AS police_count
FROM incident_placed

-- name: precision
-- How precisely the incidents are dated.
SELECT
    count(*) FILTER (WHERE occurred_precision = 'day') AS day_count,
    count(*) FILTER (WHERE occurred_precision = 'month') AS month_count,
    count(*) FILTER (WHERE is_ambiguous_hour) AS ambiguous_count
FROM incident_snapshot

-- name: window
-- Incidents within the window of the ranking, those that cannot be placed, and those that can raise a rank. An offence is
-- of an unstated kind if its code says so, or if it is none of the codebook's other categories.
SELECT
    count(*) AS incidents,
    count(*) FILTER (WHERE area_id IS NULL AND has_point) AS outside,
    count(*) FILTER (WHERE area_id IS NULL AND NOT has_point) AS unknown_area,
    count(*) FILTER (WHERE is_ranked) AS ranked,
    count(*) FILTER (WHERE is_ranked AND (offence_code LIKE '%\_unspecified' ESCAPE '\' OR category = 'other')) AS unstated
FROM (
    SELECT *, area_id IS NOT NULL AND list_contains($discoveries, discovery) AND harm_days > 0 AS is_ranked
    FROM incident_placed
    LEFT JOIN codebook USING (offence_code)
    WHERE age_days < $window_days
)

-- name: newest
-- Local days from the newest incident to as_of, null without one. One dated to the month may be of the month's last day.
SELECT CAST((date_diff('microsecond', timezone($time_zone, max(
    CASE WHEN occurred_precision = 'month' THEN least(occurred_at + INTERVAL 30 DAY, $as_of) ELSE occurred_at END
)), $as_of_local) - 1) // 86400000000 AS INTEGER) AS age_days
FROM incident_snapshot

-- name: unlocated
-- Rows that were read at any time, and those that wait because they have no usable location.
SELECT
    (SELECT coalesce(sum(stored + merged + dead), 0) FROM batch_snapshot WHERE NOT starts_with(source, 'replay of ')) AS rows_read,
    count(*) AS unlocated_rows
FROM dead_letter_snapshot
WHERE reason IN ('no_location', 'bad_coordinate')
