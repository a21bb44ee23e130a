-- What is known at one moment, regardless of any run.

-- name: people
-- Everybody with an identity in the store, as described by `person_snapshot`, without erased people. A person whose age
-- no event reported has none here either.
SELECT
    identity.person_id,
    person_snapshot.birth_date,
    person_snapshot.birth_year,
    person_snapshot.deceased_at,
    person_snapshot.is_treatment_consented,
    person_snapshot.is_treatment_engaged
FROM store.identity
LEFT JOIN person_snapshot ON identity.person_id = person_snapshot.person_id
WHERE identity.raw_person_id <> 'erased'
ORDER BY identity.person_id

-- name: live_warrants
-- Outstanding warrants of `warrant_snapshot`.
SELECT warrant_id FROM warrant_snapshot WHERE status = 'outstanding' ORDER BY warrant_id

-- name: actions
-- Actions of `action_snapshot` that name an area, oldest first. The persons concerned are not read.
SELECT action_id, kind, actor, area_id, notice_id, "at", hours, detail, recorded_at, revised_at
FROM action_snapshot
WHERE area_id IS NOT NULL
ORDER BY "at", action_id
