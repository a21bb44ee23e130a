-- Incidents that count, by area, local day and hour, for the comparison of each area with its own past. An incident of
-- which only the month is known is of no day.
SELECT
    area_id,
    age_days,
    isodow(timezone($time_zone, occurred_at)) - 1 AS weekday,
    CASE WHEN has_hour THEN hour(timezone($time_zone, occurred_at)) END AS hour,
    has_hour AND timezone($time_zone, occurred_at) = date_trunc('hour', timezone($time_zone, occurred_at)) AS is_sharp,
    count(*) AS n
FROM incident_placed
JOIN codebook USING (offence_code)
WHERE area_id IS NOT NULL
    AND NOT is_of_month
    AND age_days BETWEEN 0 AND $last_day
    AND list_contains($discoveries, discovery)
    AND codebook.harm_days > 0
GROUP BY ALL
ORDER BY ALL
