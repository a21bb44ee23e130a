-- Where each incident counts, by the hash of its id. Incidents after the run's clock are younger than $least_age_days.
SELECT
    hash(incident_id) AS id_hash,
    area_id,
    offence_code,
    discovery,
    is_minor_used_by_adult,
    greatest(age_days, $least_age_days) AS age_days,
    coalesce(cell_ix, 0) AS cell_ix,
    coalesce(cell_iy, 0) AS cell_iy,
    incident_placed.cell_ix IS NOT NULL AND age_days < $least_age_days AS is_new
FROM incident_placed
ORDER BY id_hash
