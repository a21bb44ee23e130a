-- Evidence records of notices (`evidence`: notice_id, incident_id, person_ids, known_then) that were known when the
-- notice was drafted and differ at $known_at: cancelled, amended in content, or, for a notice to a person, without any
-- remaining role that is evidence against that person.
WITH cited AS (
    -- The store holds a cited incident under its short id once ids are keyed.
    SELECT *, unnest(list_distinct([incident_id, short_id(incident_id)])) AS held_id
    FROM evidence
),
version AS (
    SELECT
        cited.notice_id,
        cited.incident_id,
        cited.person_ids,
        held.ingested_at <= cited.known_then AS is_of_then,
        held.status,
        held.offence_code,
        held.drug_activity,
        held.involvements,
        row_number() OVER (
            PARTITION BY cited.notice_id, cited.incident_id, held.ingested_at <= cited.known_then
            ORDER BY
                held.version DESC, held.content_hash DESC, held.event_source DESC, held.event_id DESC,
                held.event_time DESC NULLS LAST
        ) AS age,
        row_number() OVER (
            PARTITION BY cited.notice_id, cited.incident_id
            ORDER BY
                held.version DESC, held.content_hash DESC, held.event_source DESC, held.event_id DESC,
                held.event_time DESC NULLS LAST
        ) AS age_of_all
    FROM store.incident_version AS held
    JOIN cited ON held.incident_id = cited.held_id
    WHERE held.ingested_at <= $known_at
),
compared AS (
    SELECT
        latest.*,
        former.offence_code IS DISTINCT FROM latest.offence_code
            OR former.drug_activity IS DISTINCT FROM latest.drug_activity AS is_amended,
        latest.person_ids IS NOT NULL
            AND len(list_filter(
                coalesce(latest.involvements, []),
                lambda part: list_contains(latest.person_ids, part.person_id) AND part.role IN ('suspect', 'charged', 'convicted')
            )) = 0 AS is_cleared
    FROM version AS latest
    JOIN version AS former
        ON latest.notice_id = former.notice_id AND latest.incident_id = former.incident_id
        AND former.is_of_then AND former.age = 1
    WHERE latest.age_of_all = 1
)
SELECT
    notice_id,
    incident_id,
    CASE WHEN status = 'cancelled' THEN 'cancelled' WHEN is_amended THEN 'amended' ELSE 'cleared' END AS what
FROM compared
WHERE status = 'cancelled' OR is_amended OR is_cleared
ORDER BY notice_id, incident_id
