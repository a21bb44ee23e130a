-- What can be told of some incidents of the snapshot: offence, time, place and the flags that decide how exactly.
SELECT
    placed.incident_id,
    placed.offence_code,
    placed.discovery,
    placed.occurred_at,
    placed.has_hour,
    placed.is_of_month,
    placed.age_days,
    placed.area_id,
    placed.lon,
    placed.lat,
    told.is_domestic,
    told.is_minor_victim,
    placed.is_minor_used_by_adult
FROM incident_placed AS placed
JOIN incident_snapshot AS told USING (incident_id)
WHERE list_contains($incident_ids, placed.incident_id)
ORDER BY placed.incident_id
