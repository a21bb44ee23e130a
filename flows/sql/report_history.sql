-- The points and reports that an operation is measured by: all reports of the map by public, partners and sensors.

-- name: points
SELECT x_m, y_m
FROM point_placed
SEMI JOIN (
    SELECT lon, lat FROM incident_placed JOIN codebook USING (offence_code) WHERE may_count(category)
) AS counted USING (lon, lat)
WHERE cell_ix IS NOT NULL
ORDER BY lon, lat

-- name: reports
-- Row `point` of the points above, counted from 0.
WITH numbered AS (
    SELECT lon, lat, row_number() OVER (ORDER BY lon, lat) - 1 AS point
    FROM point_placed
    SEMI JOIN (
        SELECT lon, lat FROM incident_placed JOIN codebook USING (offence_code) WHERE may_count(category)
    ) AS counted USING (lon, lat)
    WHERE cell_ix IS NOT NULL
)
SELECT
    numbered.point,
    incident.occurred_at,
    codebook.category,
    codebook.harm_days,
    CASE
        WHEN NOT incident.has_hour THEN NULL
        WHEN is_daytime(incident.occurred_at, $time_zone) THEN 'by day'
        ELSE 'by night'
    END AS daypart,
    report_kind(incident.report_subject, incident.offence_code, codebook.category, codebook.axis) AS kind
FROM incident_placed AS incident
JOIN numbered USING (lon, lat)
JOIN codebook USING (offence_code)
WHERE incident.discovery <> 'police'
    AND may_count(codebook.category)
    AND coalesce(incident.report_channel, '') <> 'officer'
ORDER BY incident.occurred_at, incident.incident_id
