-- What was known of people's treatment from each report before $as_of, as known at $known_at: one row per report that
-- states it, so that leaving treatment is seen. It is counted, and moves no list.
-- Of whoever does not consent in the latest version (`person_snapshot`) nothing is kept, as an end of consent applies as
-- soon as it is known. A version holds until the next: one that a later version of the same or an earlier time corrects
-- never held. Of contradicting reports of one version and time, treatment holds.
CREATE TABLE treatment_snapshot AS
WITH held AS (
    SELECT
        person_id,
        coalesce(event_time, ingested_at) AS "at",
        is_treatment_consented,
        is_treatment_engaged
    FROM store.person_version
    WHERE ingested_at <= $known_at
        AND coalesce(event_time, ingested_at) < $as_of
        AND (is_treatment_consented IS NOT NULL OR is_treatment_engaged IS NOT NULL)
    WINDOW later AS (PARTITION BY person_id ORDER BY version RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
    QUALIFY coalesce(coalesce(event_time, ingested_at) < min(coalesce(event_time, ingested_at)) OVER later, true)
)
SELECT held.person_id, held."at", bool_or(held.is_treatment_engaged) AS is_engaged
FROM held
JOIN person_snapshot AS person USING (person_id)
WHERE person.is_treatment_consented
    AND held.is_treatment_consented
    AND held.is_treatment_engaged IS NOT NULL
GROUP BY held.person_id, held."at"
