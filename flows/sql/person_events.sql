-- One row per incident, person and role, with the inputs of the rules about people.
SELECT
    involved.person_id,
    incident.incident_id,
    involved.role,
    incident.offence_code,
    incident.occurred_at,
    CAST((date_diff('microsecond', timezone($time_zone, incident.occurred_at), $as_of_local) - 1) // 86400000000 AS INTEGER) AS age_days,
    incident.discovery,
    incident.drug_activity,
    incident.market_setting,
    incident.is_minor_victim,
    incident.is_minor_used_by_adult,
    flagrant.cell_ix IS NOT NULL AS in_flagrant_market
FROM involvement_snapshot AS involved
JOIN incident_snapshot AS incident USING (incident_id)
LEFT JOIN point_placed AS place ON incident.lon = place.lon AND incident.lat = place.lat
LEFT JOIN flagrant_cell AS flagrant ON place.cell_ix = flagrant.cell_ix AND place.cell_iy = flagrant.cell_iy
ORDER BY involved.person_id, incident.incident_id, involved.role
