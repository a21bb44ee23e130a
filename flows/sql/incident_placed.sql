-- Every incident inside the window with its area and cell. Incidents that name an area but no point have no cell;
-- those outside every area have a null area and are counted but not used. Day 0 is the last local day before as_of.
CREATE TABLE incident_placed AS
WITH recent AS (
    SELECT *
    FROM incident_snapshot
    WHERE occurred_at >= $since
),
named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
)
SELECT
    recent.incident_id,
    recent.occurred_at,
    CAST((date_diff('microsecond', timezone($time_zone, recent.occurred_at), $as_of_local) - 1) // 86400000000 AS INTEGER) AS age_days,
    recent.offence_code,
    recent.discovery,
    recent.report_channel,
    recent.report_subject,
    recent.reporter_ref,
    recent.is_minor_used_by_adult,
    recent.occurred_precision = 'instant' AS has_hour,
    recent.occurred_precision = 'month' AS is_of_month,
    recent.lon IS NOT NULL AS has_point,
    recent.lon,
    recent.lat,
    coalesce(place.area_id, CASE WHEN recent.lon IS NULL THEN named.area_id END) AS area_id,
    place.cell_ix,
    place.cell_iy
FROM recent
LEFT JOIN point_placed AS place ON recent.lon = place.lon AND recent.lat = place.lat
LEFT JOIN named ON recent.area_id = named.raw_area_id
