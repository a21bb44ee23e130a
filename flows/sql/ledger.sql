-- What the enforcement ledger and the scoreboard read besides actions, people and operations.
-- name: staffing
WITH named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
)
SELECT named.area_id, staffing.shift_start, staffing.available_hours AS hours
FROM staffing_snapshot AS staffing
JOIN named ON staffing.area_id = named.raw_area_id
WHERE staffing.rostered_hours > 0 OR staffing.available_hours > 0 -- a shift withdrawn has neither
ORDER BY named.area_id, staffing.shift_start, staffing.shift_end

-- name: treatment
SELECT person_id, "at", is_engaged
FROM treatment_snapshot
ORDER BY person_id, "at", is_engaged DESC

-- Incidents that count, their harm, and calls of the public, by area and local day; day 0 is the last one before as_of.
-- name: incident
SELECT
    incident.area_id,
    incident.age_days,
    count(*) FILTER (list_contains($discoveries, incident.discovery)) AS incidents,
    CAST(coalesce(sum(CAST(codebook.harm_days AS DECIMAL(18, 4)))
        FILTER (list_contains($discoveries, incident.discovery)), 0) AS DOUBLE) AS harm,
    count(*) FILTER (incident.discovery = 'public') AS public_calls
FROM incident_placed AS incident
JOIN codebook ON incident.offence_code = codebook.offence_code
WHERE codebook.harm_days > 0
GROUP BY ALL
ORDER BY ALL
