-- Counts by area, offence, discoverer and age: the incident input of the area ranking.
SELECT area_id, offence_code, discovery, is_minor_used_by_adult, age_days, count(*) AS n
FROM incident_placed
WHERE area_id IS NOT NULL AND age_days < $learning_days
GROUP BY ALL
ORDER BY ALL
