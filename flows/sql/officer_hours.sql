-- Available officer-hours per day and area over the days on which staffing events report any area of the set, of the last
-- four weeks. An area without a report on such a day counts with no hours on it. A shift counts for the day it begins on;
-- one of over 24 hours, such as a week, is spread evenly over its days. An area that is reported in none of these weeks
-- has no hours and no days.
-- expected_days are those of the four weeks from the first report ever; those since the last one are left out while it is
-- no older than a week, because a report may come in the week after its day.
WITH named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
),
shift AS (
    SELECT
        named.area_id,
        timezone($time_zone, staffing.shift_start) AS local_start,
        greatest(ceil(date_diff(
            'microsecond', local_start, timezone($time_zone, staffing.shift_end)
        ) / 86400000000), 1)::BIGINT AS days,
        CAST(staffing.available_hours AS DECIMAL(18, 4)) AS hours
    FROM staffing_snapshot AS staffing
    JOIN named ON staffing.area_id = named.raw_area_id
    WHERE staffing.rostered_hours > 0 OR staffing.available_hours > 0 -- a shift withdrawn has neither
),
shift_day AS (
    SELECT
        area_id,
        local_start + to_days(CAST(unnest(range(days)) AS INTEGER)) AS day_start,
        CAST(hours / days AS DECIMAL(18, 4)) AS hours
    FROM shift
),
reported AS (
    SELECT
        area_id,
        CAST((date_diff('microsecond', day_start, $as_of_local) - 1) // 86400000000 AS INTEGER) AS age_days,
        age_days <= 27 AS is_recent,
        hours
    FROM shift_day
    WHERE day_start < $as_of_local
),
force AS (
    SELECT
        count(DISTINCT age_days) FILTER (is_recent) AS days,
        min(age_days) AS report_age_days,
        least(max(age_days), 27) + 1 - CASE WHEN min(age_days) <= 7 THEN min(age_days) ELSE 0 END AS expected_days
    FROM reported
)
SELECT
    area_id,
    CAST(sum(hours) FILTER (is_recent) AS DOUBLE) / any_value(force.days) AS hours_per_day,
    nullif(count(DISTINCT age_days) FILTER (is_recent), 0) AS reported_days,
    CASE WHEN bool_or(is_recent) THEN any_value(force.days) END AS force_days,
    CASE WHEN bool_or(is_recent) THEN any_value(force.expected_days) END AS expected_days,
    any_value(force.report_age_days) AS report_age_days
FROM reported
CROSS JOIN force
GROUP BY area_id
ORDER BY area_id
