-- The loaded incidents as evaluations read them.

-- name: last_day
-- The local day of the latest incident, null where there is none.
SELECT CAST(timezone($time_zone, max(occurred_at)) AS DATE) AS day
FROM incident_snapshot

-- name: cell_days
-- Incidents by point, offence and local day (since 1970) up to $until: the input of the backtest.
SELECT
    place.x_m,
    place.y_m,
    incident.offence_code,
    CAST(timezone($time_zone, incident.occurred_at) AS DATE) - DATE '1970-01-01' AS day,
    count(*) AS n
FROM incident_snapshot AS incident
JOIN point_placed AS place ON incident.lon = place.lon AND incident.lat = place.lat
WHERE place.area_id IS NOT NULL
    AND incident.occurred_at < $until
    AND list_contains($discoveries, incident.discovery)
GROUP BY ALL
ORDER BY ALL

-- name: area_days
-- Incidents by area, offence, discoverer and local day (since 1970) up to $until, however old: by point, or without one
-- by the area that they name, as `incident_placed` has them.
WITH named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
)
SELECT
    coalesce(place.area_id, named.area_id) AS area_id,
    incident.offence_code,
    incident.discovery,
    incident.is_minor_used_by_adult,
    CAST(timezone($time_zone, incident.occurred_at) AS DATE) - DATE '1970-01-01' AS day,
    count(*) AS n
FROM incident_snapshot AS incident
LEFT JOIN point_placed AS place ON incident.lon = place.lon AND incident.lat = place.lat
LEFT JOIN named ON incident.area_id = named.raw_area_id AND incident.lon IS NULL
WHERE incident.occurred_at < $until
    AND coalesce(place.area_id, named.area_id) IS NOT NULL
GROUP BY ALL
ORDER BY ALL

-- name: near_repeat_points
-- Point and local day of incidents of some offences inside the areas. Incidents dated to the month only are left out,
-- because they have no day.
SELECT
    place.x_m,
    place.y_m,
    CAST(timezone($time_zone, incident.occurred_at) AS DATE) - DATE '1970-01-01' AS day
FROM incident_snapshot AS incident
JOIN point_placed AS place ON incident.lon = place.lon AND incident.lat = place.lat
WHERE incident.occurred_at >= $since
    AND incident.occurred_at < $until
    AND incident.occurred_precision <> 'month'
    AND place.area_id IS NOT NULL
    AND list_contains($offence_codes, incident.offence_code)
    AND list_contains($discoveries, incident.discovery)
ORDER BY ALL
