-- What the harm matrices count: reported incidents of the window in the areas of the force.
-- name: offence
SELECT
    offence_code,
    count(*) AS n,
    list_transform(min({age_days: age_days, incident_id: incident_id}, 3), lambda each: each.incident_id) AS evidence_ids
FROM incident_placed
WHERE area_id IS NOT NULL AND age_days < $days AND list_contains($discoveries, discovery)
GROUP BY offence_code
ORDER BY offence_code

-- How many days the incidents of the snapshot reach back.
-- name: days
SELECT coalesce(max(age_days) + 1, 0) AS days
FROM incident_placed
WHERE area_id IS NOT NULL
ORDER BY days
