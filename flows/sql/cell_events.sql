-- Counts by cell, offence and age: the input of the forecast. Records with weight 0 (overdoses, contacts) are not offences.
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
