-- Reports of the last weeks that can indicate a street market, without incidents discovered by police.
WITH kinds AS (
    SELECT
        incident_id,
        hash(incident_id) AS id_hash,
        cell_ix,
        cell_iy,
        area_id,
        age_days,
        report_kind(report_subject, offence_code, codebook.category, codebook.axis) AS kind,
        report_channel AS channel,
        reporter_ref,
        is_daytime(occurred_at, $time_zone) AS is_daylight
    FROM incident_placed
    JOIN codebook USING (offence_code)
    WHERE cell_ix IS NOT NULL AND area_id IS NOT NULL
        AND age_days < $window_days
        AND discovery <> 'police'
)
SELECT * FROM kinds
WHERE kind IS NOT NULL
ORDER BY incident_id
