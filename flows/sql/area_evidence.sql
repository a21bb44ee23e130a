-- The incidents with the largest weight after decay in each area: candidates for the evidence shown with a rank.
WITH weighed AS (
    SELECT
        placed.area_id,
        placed.incident_id,
        placed.offence_code,
        placed.is_minor_used_by_adult,
        placed.age_days,
        codebook.harm_days * pow(0.5, placed.age_days / $half_life_days) AS weight
    FROM incident_placed AS placed
    JOIN codebook USING (offence_code)
    WHERE placed.area_id IS NOT NULL
        AND placed.age_days < $window_days
        AND list_contains($discoveries, placed.discovery)
        AND codebook.harm_days > 0
),
heaviest AS (
    SELECT area_id, unnest(max({weight: weight, incident_id: incident_id, offence_code: offence_code,
        is_minor_used_by_adult: is_minor_used_by_adult, age_days: age_days}, 12)) AS incident
    FROM weighed
    GROUP BY area_id
)
SELECT
    area_id,
    incident.incident_id AS incident_id,
    incident.offence_code AS offence_code,
    incident.is_minor_used_by_adult AS is_minor_used_by_adult,
    incident.age_days AS age_days
FROM heaviest
ORDER BY area_id, incident.weight DESC, incident_id
