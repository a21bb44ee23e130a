-- Counts of incidents that the placement could not use: facts about the current map and the source, not errors.
SELECT
    count(*) AS incident_count,
    count(*) FILTER (WHERE area_id IS NULL AND has_point) AS outside_count,
    count(*) FILTER (WHERE area_id IS NULL AND NOT has_point) AS unknown_area_count,
    count(*) FILTER (WHERE NOT has_point AND area_id IS NOT NULL) AS area_only_count,
    count(*) FILTER (WHERE discovery = 'police') AS police_count
FROM incident_placed
