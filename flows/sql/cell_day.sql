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
