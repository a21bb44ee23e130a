-- Incidents of the highest severity band in the last days, but for those discovered by police.
SELECT incident_id
FROM incident_placed
JOIN codebook USING (offence_code)
WHERE area_id IS NOT NULL
    AND NOT is_of_month
    AND age_days BETWEEN 0 AND $last_day
    AND list_contains($discoveries, discovery)
    AND codebook.band = 'high'
ORDER BY incident_id
