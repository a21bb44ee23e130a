-- The incidents of one cell with the largest weight after decay, the heaviest first.
SELECT placed.incident_id
FROM incident_placed AS placed
JOIN codebook USING (offence_code)
WHERE placed.cell_ix = $ix
    AND placed.cell_iy = $iy
    AND placed.age_days < $window_days
    AND list_contains($discoveries, placed.discovery)
    AND codebook.harm_days > 0
ORDER BY codebook.harm_days * pow(0.5, placed.age_days / $half_life_days) DESC, placed.incident_id
LIMIT $most
