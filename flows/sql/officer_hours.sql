-- Available officer-hours per day and area over the days that staffing events cover, the last four weeks at most.
WITH named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
),
recent AS (
    SELECT
        named.area_id,
        CAST((date_diff('microsecond', timezone($time_zone, staffing.shift_start), $as_of_local) - 1) // 86400000000 AS INTEGER) AS age_days,
        CAST(staffing.available_hours AS DECIMAL(18, 4)) AS hours
    FROM staffing_snapshot AS staffing
    JOIN named ON staffing.area_id = named.raw_area_id
)
SELECT area_id, CAST(sum(hours) AS DOUBLE) / count(DISTINCT age_days) AS hours_per_day
FROM recent
WHERE age_days BETWEEN 0 AND 27
GROUP BY area_id
ORDER BY area_id
