-- Everybody the store has an identity for, as `person_snapshot` describes them; who was erased is nobody any more. Of whom
-- no event ever told an age has none here, either.
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
