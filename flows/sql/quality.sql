-- What the figures of a run leave out, and how sure its input is.

-- name: ingest_totals
-- Row counts of every batch: rows_in = versions_stored + duplicates + merged + dead_letters. The rows of a replay came in
-- with an earlier batch, as dead letters: what the replay reads of them is taken from the dead letters, and counts as
-- what it became.
SELECT
    coalesce(sum(CASE WHEN is_replay THEN 0 ELSE rows_in END), 0) AS rows_in,
    coalesce(sum(stored), 0) AS versions_stored,
    coalesce(sum(duplicates), 0) AS duplicates,
    coalesce(sum(merged), 0) AS merged,
    coalesce(sum(CASE WHEN is_replay THEN dead - rows_in ELSE dead END), 0) AS dead_letters,
    coalesce(sum(CASE WHEN is_replay THEN rows_in - dead ELSE 0 END), 0) AS replayed,
    coalesce(sum(conflicts), 0) AS conflicts,
    (SELECT count(*) FROM dead_letter_snapshot) AS dead_letters_waiting
FROM (SELECT *, starts_with(source, 'replay of ') AS is_replay FROM batch_snapshot)

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
-- What became of the incidents of the window: each is ranked, of police, uncounted, outside or of an unknown area. Those
-- that are older are counted apart: the forecast and the markets look further back. All are facts about the current map
-- and the source, not errors. An offence is of an unstated kind if its code says so, or if it is none of the codebook's
-- other categories; such incidents are among the ranked.
SELECT
    count(*) FILTER (WHERE is_recent AND is_in_area AND is_counted) AS ranked_count,
    count(*) FILTER (WHERE is_recent AND is_in_area AND is_counted AND is_unstated) AS unstated_count,
    count(*) FILTER (WHERE is_recent AND is_in_area AND discovery = 'police') AS police_count,
    count(*) FILTER (WHERE is_recent AND is_in_area AND NOT is_counted AND discovery <> 'police') AS uncounted_count,
    count(*) FILTER (WHERE is_recent AND NOT is_in_area AND has_point) AS outside_count,
    count(*) FILTER (WHERE is_recent AND NOT is_in_area AND NOT has_point) AS unknown_area_count,
    count(*) FILTER (WHERE is_recent AND is_in_area AND NOT has_point) AS area_only_count,
    count(*) FILTER (WHERE NOT is_recent) AS older_count
FROM (
    SELECT
        *,
        age_days < $window_days AS is_recent,
        area_id IS NOT NULL AS is_in_area,
        list_contains($discoveries, discovery) AND coalesce(harm_days, 0) > 0 AS is_counted,
        offence_code LIKE '%\_unspecified' ESCAPE '\' OR coalesce(category, '') = 'other' AS is_unstated
    FROM incident_placed
    LEFT JOIN codebook USING (offence_code)
)

-- name: precision
-- How precisely the incidents are dated.
SELECT
    count(*) FILTER (WHERE occurred_precision = 'day') AS day_count,
    count(*) FILTER (WHERE occurred_precision = 'month') AS month_count,
    count(*) FILTER (WHERE is_ambiguous_hour) AS ambiguous_count
FROM incident_snapshot

-- name: newest
-- Local days from the last incidents that can raise a rank to as_of, null without one: the fifth newest counts, so that one
-- stray row says nothing. One dated to the month may be of the month's last day.
SELECT max(age_days) AS age_days
FROM (
    SELECT CASE WHEN is_of_month THEN greatest(age_days - 30, 0) ELSE age_days END AS age_days
    FROM incident_placed
    JOIN codebook USING (offence_code)
    WHERE area_id IS NOT NULL AND list_contains($discoveries, discovery) AND harm_days > 0
    ORDER BY 1
    LIMIT 5
)

-- name: unlocated
-- Incidents that are known or wait because they have no usable location, and how many wait.
SELECT (SELECT count(*) FROM incident_snapshot) + count(*) AS incidents_read, count(*) AS unlocated
FROM dead_letter_snapshot
WHERE reason IN ('no_location', 'bad_coordinate')
