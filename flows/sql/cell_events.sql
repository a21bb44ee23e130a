-- Counts by cell, offence and age: what the forecast learns from. What weighs nothing (overdoses, contacts) is no offence.
SELECT cell_ix, cell_iy, offence_code, age_days, count(*) AS n
FROM incident_placed
JOIN codebook USING (offence_code)
WHERE codebook.harm_days > 0
    AND cell_ix IS NOT NULL
    AND area_id IS NOT NULL
    AND age_days < $history_days
    AND list_contains($discoveries, discovery)
GROUP BY ALL
ORDER BY ALL
