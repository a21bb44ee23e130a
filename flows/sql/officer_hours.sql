-- Available officer-hours per day and area over the days on which staffing events report any area of the set, of the last
-- four weeks. An area without a report on such a day counts with no hours on it. A shift counts for the day it begins on;
-- one of over 24 hours, such as a week, is spread evenly over its days.
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
recent AS (
    SELECT
        area_id,
        CAST((date_diff('microsecond', day_start, $as_of_local) - 1) // 86400000000 AS INTEGER) AS age_days,
        hours
    FROM shift_day
    WHERE day_start < $as_of_local AND age_days BETWEEN 0 AND 27
),
force AS (
    SELECT count(DISTINCT age_days) AS days
    FROM recent
)
SELECT
    area_id,
    CAST(sum(hours) AS DOUBLE) / any_value(force.days) AS hours_per_day,
    count(DISTINCT age_days) AS reported_days,
    any_value(force.days) AS force_days
FROM recent
CROSS JOIN force
GROUP BY area_id
ORDER BY area_id
