-- Reports of the last weeks that can indicate a street market, without incidents discovered by police.
WITH kinds AS (
    SELECT
        incident_id,
        hash(incident_id) AS id_hash,
        cell_ix,
        cell_iy,
        area_id,
        age_days,
        CASE
            WHEN report_subject IS NOT NULL THEN report_subject
            WHEN offence_code = 'drug_dealing_report' THEN 'dealing'
            WHEN offence_code = 'overdose' THEN 'overdose'
            WHEN offence_code = 'drug_paraphernalia' THEN 'paraphernalia'
            WHEN codebook.axis IN ('disorder', 'violence') THEN codebook.axis
        END AS kind,
        report_channel AS channel,
        reporter_ref,
        hour(timezone($time_zone, occurred_at)) BETWEEN 7 AND 18 AS is_daylight
    FROM incident_placed
    JOIN codebook USING (offence_code)
    WHERE cell_ix IS NOT NULL AND area_id IS NOT NULL
        AND age_days < $window_days
        AND discovery <> 'police'
)
SELECT * FROM kinds
WHERE kind IS NOT NULL
ORDER BY incident_id
