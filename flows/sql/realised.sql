-- Incidents from $begin until $end inside the areas, by point and offence: the outcomes of a forecast made at $begin.
-- The same discoverers count as in the forecast itself.
SELECT incident.lon, incident.lat, incident.offence_code, count(*) AS n
FROM incident_snapshot AS incident
JOIN point_placed AS place ON incident.lon = place.lon AND incident.lat = place.lat
WHERE incident.occurred_at >= $begin
    AND incident.occurred_at < $end
    AND place.area_id IS NOT NULL
    AND list_contains($discoveries, incident.discovery)
GROUP BY ALL
ORDER BY ALL
