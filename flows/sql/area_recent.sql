-- Incidents that count, by area, local day and hour, for the comparison of each area with its own past. An incident of
-- which only the month is known is of no day; one whose time may not be told has no hour.
SELECT
    area_id,
    age_days,
    isodow(timezone($time_zone, occurred_at)) - 1 AS weekday,
    CASE WHEN has_hour AND NOT is_flagged THEN hour(timezone($time_zone, occurred_at)) END AS hour,
    has_hour AND NOT is_flagged AND timezone($time_zone, occurred_at) = date_trunc('hour', timezone($time_zone, occurred_at)) AS is_sharp,
    count(*) AS n
FROM (
    SELECT
        placed.*,
        flags.is_domestic OR flags.is_minor_victim OR flags.is_minor_used_by_adult
            OR list_contains($sensitive, placed.offence_code) AS is_flagged
    FROM incident_placed AS placed
    JOIN incident_snapshot AS flags USING (incident_id)
)
JOIN codebook USING (offence_code)
WHERE area_id IS NOT NULL
    AND NOT is_of_month
    AND age_days BETWEEN 0 AND $last_day
    AND list_contains($discoveries, discovery)
    AND codebook.harm_days > 0
GROUP BY ALL
ORDER BY ALL
