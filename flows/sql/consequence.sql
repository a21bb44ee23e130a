-- What the events say of the unintended consequences since $since. Nobody's id is read, and ids of people leave it as
-- numbers of this query alone.
-- name: incident
-- Violence only $with_violence, because most of a force's incidents may be violent, and they are read for markets alone.
WITH told AS (
    SELECT
        placed.incident_id,
        placed.occurred_at,
        point.x_m,
        point.y_m,
        codebook.axis = 'violence' AND placed.discovery <> 'police' AND coalesce(placed.report_channel, '') <> 'officer'
        AS is_violence,
        event.is_naloxone_given,
        event.substance,
        event.price_per_gram,
        event.purity
    FROM incident_placed AS placed
    JOIN incident_snapshot AS event USING (incident_id)
    JOIN codebook ON placed.offence_code = codebook.offence_code
    LEFT JOIN point_placed AS point ON placed.lon = point.lon AND placed.lat = point.lat
    WHERE placed.occurred_at >= $since
        AND may_count(codebook.category)
        AND (event.is_naloxone_given OR event.substance IS NOT NULL OR ($with_violence AND codebook.axis = 'violence'))
)
SELECT * EXCLUDE (incident_id)
FROM told
WHERE is_violence OR is_naloxone_given OR substance IS NOT NULL
ORDER BY occurred_at, incident_id

-- name: seller
SELECT incident.occurred_at, point.x_m, point.y_m, dense_rank() OVER (ORDER BY involved.person_id) AS seller
FROM incident_snapshot AS incident
JOIN (
    SELECT DISTINCT incident_id, person_id FROM involvement_snapshot WHERE role IN ('suspect', 'charged', 'convicted')
) AS involved USING (incident_id)
LEFT JOIN point_placed AS point ON incident.lon = point.lon AND incident.lat = point.lat
WHERE incident.drug_activity = 'supply' AND incident.occurred_at >= $since
ORDER BY incident.occurred_at, incident.incident_id, seller

-- name: action
WITH named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
)
SELECT action.kind, named.area_id, action."at", action.hours, action."count", action.days
FROM action_snapshot AS action
LEFT JOIN named ON action.area_id = named.raw_area_id
WHERE action."at" >= $since OR action.kind IN ('crackdown_start', 'crackdown_end')
ORDER BY action."at", action.action_id
