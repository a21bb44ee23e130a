-- What the overdose watch reads: overdoses with a point, in metres, and drug seizures. Nobody's id is read.
-- name: overdose
SELECT incident.occurred_at, point.x_m, point.y_m
FROM incident_placed AS incident
JOIN point_placed AS point ON incident.lon = point.lon AND incident.lat = point.lat
JOIN codebook ON incident.offence_code = codebook.offence_code
WHERE report_kind(incident.report_subject, incident.offence_code, codebook.category, codebook.axis) = 'overdose'
    AND incident.discovery <> 'police'
    AND coalesce(incident.report_channel, '') <> 'officer'
    AND point.x_m IS NOT NULL
    AND NOT isnan(point.x_m)
ORDER BY incident.occurred_at, point.x_m, point.y_m, incident.incident_id

-- name: seizure
WITH named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
)
SELECT action.action_id, named.area_id, action."at", action.detail
FROM action_snapshot AS action
LEFT JOIN named ON action.area_id = named.raw_area_id
WHERE action.kind = 'seizure' AND action."at" >= $since
ORDER BY action."at", action.action_id
