-- What a store no longer keeps: each entity that is wholly before an edge, in every version, and that nothing kept stands
-- on (kept_incident, kept_person). An edge that is null drops nothing.

-- name: kept
-- Incidents that stay as they are; the store holds them under short ids once ids are keyed.
CREATE OR REPLACE TEMP TABLE kept_incident AS
SELECT DISTINCT unnest([incident_id, short_id(incident_id)]) AS incident_id
FROM incident_asked;

CREATE OR REPLACE TEMP TABLE kept_person AS FROM person_asked

-- name: past_incident
CREATE OR REPLACE TEMP TABLE past_incident AS
SELECT incident_id
FROM store.incident_version
ANTI JOIN kept_incident USING (incident_id)
GROUP BY incident_id
HAVING max(occurred_at) < $incidents

-- name: drop_incident
DELETE FROM store.incident_version WHERE incident_id IN (SELECT incident_id FROM past_incident)

-- name: past_role
-- Incidents that stay, and whom they name goes: roles of people and reporters.
CREATE OR REPLACE TEMP TABLE past_role AS
SELECT incident_id
FROM store.incident_version
ANTI JOIN kept_incident USING (incident_id)
GROUP BY incident_id
HAVING max(occurred_at) < $people AND bool_or(involvements IS NOT NULL OR reporter_ref IS NOT NULL)

-- name: drop_role
UPDATE store.incident_version
SET involvements = NULL, reporter_ref = NULL
WHERE incident_id IN (SELECT incident_id FROM past_role)

-- name: past_stay
-- Stays that ended before the edge as each content of the latest version says.
CREATE OR REPLACE TEMP TABLE past_stay AS
WITH latest AS (
    SELECT person_id, custody_from, coalesce(custody_to, 'infinity') AS custody_to
    FROM store.custody_version
    QUALIFY rank() OVER (PARTITION BY person_id, custody_from ORDER BY version DESC) = 1
)
SELECT person_id, custody_from
FROM latest
ANTI JOIN kept_person USING (person_id)
GROUP BY person_id, custody_from
HAVING max(custody_to) < $people AND custody_from < $people

-- name: drop_stay
DELETE FROM store.custody_version
WHERE (person_id, custody_from) IN (SELECT (person_id, custody_from) FROM past_stay)

-- name: past_warrant
-- Warrants that are outstanding no longer, of which nothing was reported since the edge.
CREATE OR REPLACE TEMP TABLE past_warrant AS
WITH version AS (
    SELECT
        warrant_id,
        person_id,
        greatest(issued_at, coalesce(event_time, issued_at)) AS "at",
        status <> 'outstanding' AND version = max(version) OVER (PARTITION BY warrant_id) AS is_closed
    FROM store.warrant_version
)
SELECT warrant_id
FROM version
GROUP BY warrant_id
HAVING max("at") < $people
    AND bool_or(is_closed)
    AND NOT bool_or(person_id IN (SELECT person_id FROM kept_person))

-- name: drop_warrant
DELETE FROM store.warrant_version WHERE warrant_id IN (SELECT warrant_id FROM past_warrant)

-- name: past_subject
-- Actions that stay, and whom they are about goes, with their details.
CREATE OR REPLACE TEMP TABLE past_subject AS
SELECT action_id
FROM store.action_version
GROUP BY action_id
HAVING max("at") < $people
    AND bool_or(subject_person_id IS NOT NULL)
    AND NOT coalesce(bool_or(subject_person_id IN (SELECT person_id FROM kept_person)), false)

-- name: drop_subject
UPDATE store.action_version
SET subject_person_id = NULL, detail = NULL
WHERE action_id IN (SELECT action_id FROM past_subject)

-- name: named
-- People whom something kept names, or of whom something came in since the edge.
FROM kept_person
UNION
SELECT person_id FROM store.person_version WHERE coalesce(event_time, ingested_at) >= $people
UNION
-- A death, and treatment, protect whoever is named again: they outlast what they were told with.
SELECT person_id FROM store.person_version WHERE deceased_at IS NOT NULL OR is_treatment_engaged
UNION
SELECT unnest([person_id, same_person_id]) FROM store.same_person_version
WHERE coalesce(event_time, ingested_at) >= $people
UNION
SELECT person_id FROM store.custody_version
UNION
SELECT person_id FROM store.warrant_version
UNION
SELECT subject_person_id FROM store.action_version WHERE subject_person_id IS NOT NULL
UNION
SELECT unnest(involvements).person_id FROM store.incident_version
ORDER BY person_id

-- name: past_person
-- Everybody else: `person_named` has those who stay, under all of their ids.
CREATE OR REPLACE TEMP TABLE past_person AS
WITH known AS (
    SELECT person_id FROM store.person_version
    UNION
    SELECT unnest([person_id, same_person_id]) FROM store.same_person_version
    UNION
    SELECT person_id FROM store.identity WHERE raw_person_id <> 'erased'
)
FROM known
ANTI JOIN person_named USING (person_id)

-- name: drop_person
DELETE FROM store.person_version WHERE person_id IN (SELECT person_id FROM past_person);

DELETE FROM store.same_person_version
WHERE person_id IN (SELECT person_id FROM past_person) AND same_person_id IN (SELECT person_id FROM past_person);

DELETE FROM store.identity
WHERE raw_person_id <> 'erased' AND person_id IN (SELECT person_id FROM past_person)

-- name: past_shift
CREATE OR REPLACE TEMP TABLE past_shift AS
SELECT area_id, shift_start, shift_end
FROM store.staffing_version
GROUP BY area_id, shift_start, shift_end
HAVING shift_end < $shifts

-- name: drop_shift
DELETE FROM store.staffing_version
WHERE (area_id, shift_start, shift_end) IN (SELECT (area_id, shift_start, shift_end) FROM past_shift)

-- name: past_visit
CREATE OR REPLACE TEMP TABLE past_visit AS
SELECT action_id
FROM store.action_version
GROUP BY action_id
HAVING max("at") < $shifts AND bool_and(kind = 'visit' AND subject_person_id IS NULL)

-- name: drop_visit
DELETE FROM store.action_version WHERE action_id IN (SELECT action_id FROM past_visit)

-- name: past_message
CREATE OR REPLACE TEMP TABLE past_message AS
SELECT message_id
FROM store.outbox
WHERE created_at < $messages AND delivered_at IS NOT NULL AND octet_length(payload) > 0

-- name: drop_message
-- Ids stay, so that no message is written again.
UPDATE store.outbox SET payload = ''::BLOB WHERE message_id IN (SELECT message_id FROM past_message)

-- name: past_letter
CREATE OR REPLACE TEMP TABLE past_letter AS
SELECT rowid AS letter
FROM store.dead_letter
WHERE ingested_at < $dead_letters AND octet_length(payload) > 0

-- name: drop_letter
-- Their reasons stay, for the counts of earlier runs; nothing replays them.
UPDATE store.dead_letter
SET payload = ''::BLOB, detail = 'emptied', value = NULL, resolved_at = coalesce(resolved_at, $now)
WHERE rowid IN (SELECT letter FROM past_letter)

-- name: oldest
-- When the oldest of each category that is left was.
SELECT 'incidents' AS category, min(occurred_at) AS oldest FROM store.incident_version
UNION ALL
SELECT 'people in incidents', min(occurred_at) FROM store.incident_version WHERE involvements IS NOT NULL OR reporter_ref IS NOT NULL
UNION ALL
SELECT 'stays in custody', min(custody_from) FROM store.custody_version
UNION ALL
SELECT 'warrants', min(issued_at) FROM store.warrant_version
UNION ALL
SELECT 'people in actions', min("at") FROM store.action_version WHERE subject_person_id IS NOT NULL
UNION ALL
SELECT 'people', min(ingested_at) FROM store.person_version
UNION ALL
SELECT 'shifts', min(shift_start) FROM store.staffing_version
UNION ALL
SELECT 'visits', min("at") FROM store.action_version WHERE kind = 'visit'
UNION ALL
SELECT 'messages', min(created_at) FROM store.outbox WHERE octet_length(payload) > 0
UNION ALL
SELECT 'dead letters', min(ingested_at) FROM store.dead_letter WHERE octet_length(payload) > 0
ORDER BY category
