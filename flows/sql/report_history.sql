-- The points and reports that an operation is measured by: all reports of the map by public, partners and sensors.

-- name: points
SELECT x_m, y_m
FROM point_placed
WHERE cell_ix IS NOT NULL
ORDER BY lon, lat

-- name: reports
-- Row `point` of the points above, counted from 0. Daytime is 7 to 19 o'clock.
WITH numbered AS (
    SELECT lon, lat, row_number() OVER (ORDER BY lon, lat) - 1 AS point
    FROM point_placed
    WHERE cell_ix IS NOT NULL
)
SELECT
    numbered.point,
    incident.occurred_at,
    codebook.category,
    codebook.harm_days,
    CASE
        WHEN NOT incident.has_hour THEN NULL
        WHEN hour(timezone($time_zone, incident.occurred_at)) BETWEEN 7 AND 18 THEN 'by day'
        ELSE 'by night'
    END AS daypart,
    CASE
        WHEN incident.report_subject IS NOT NULL THEN incident.report_subject
        WHEN incident.offence_code = 'drug_dealing_report' THEN 'dealing'
        WHEN incident.offence_code = 'overdose' THEN 'overdose'
        WHEN incident.offence_code = 'drug_paraphernalia' THEN 'paraphernalia'
        WHEN codebook.axis IN ('disorder', 'violence') THEN codebook.axis
    END AS kind
FROM incident_placed AS incident
JOIN numbered USING (lon, lat)
JOIN codebook USING (offence_code)
WHERE incident.discovery <> 'police'
    AND coalesce(incident.report_channel, '') <> 'officer'
ORDER BY incident.occurred_at, incident.incident_id
