-- Where each incident counts, by the hash of its id; is_new still lacks the clock.
SELECT
    hash(incident_id) AS id_hash,
    area_id,
    offence_code,
    discovery,
    is_minor_used_by_adult,
    age_days,
    cell_ix,
    cell_iy,
    cell_ix IS NOT NULL AS is_new
FROM incident_placed
ORDER BY id_hash
