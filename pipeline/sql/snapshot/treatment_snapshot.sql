-- What was known of people's treatment, with their consent, from each report before $as_of on, as known at $known_at: one
-- row per report, so that leaving treatment is seen. It is counted, and moves no list.
CREATE TABLE treatment_snapshot AS
SELECT
    person_id,
    coalesce(event_time, ingested_at) AS "at",
    coalesce(is_treatment_consented AND is_treatment_engaged, false) AS is_engaged
FROM store.person_version
WHERE ingested_at <= $known_at
    AND coalesce(event_time, ingested_at) < $as_of
    AND (is_treatment_consented IS NOT NULL OR is_treatment_engaged IS NOT NULL)
