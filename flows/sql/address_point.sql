-- Counts by point and offence within the window: the input of the search for address piles. Points outside every area
-- have no area: the default point of a geocoder may lie there.
SELECT
    placed.lon,
    placed.lat,
    place.x_m,
    place.y_m,
    placed.cell_ix,
    placed.cell_iy,
    placed.area_id,
    placed.offence_code,
    count(*) AS n
FROM incident_placed AS placed
JOIN point_placed AS place ON placed.lon = place.lon AND placed.lat = place.lat
JOIN codebook ON placed.offence_code = codebook.offence_code
WHERE codebook.harm_days > 0
    AND placed.cell_ix IS NOT NULL
    AND placed.age_days < $window_days
    AND list_contains($discoveries, placed.discovery)
GROUP BY ALL
ORDER BY ALL
