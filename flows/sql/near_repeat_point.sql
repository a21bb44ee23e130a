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
