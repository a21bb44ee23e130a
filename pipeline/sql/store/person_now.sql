-- Everybody the store has an identity for, as `person_known` describes them; who was erased is nobody any more. Of whom
-- no event ever told an age has none here, either.
SELECT
    identity.person_id,
    person_known.birth_date,
    person_known.birth_year,
    person_known.deceased_at,
    person_known.is_treatment_consented,
    person_known.is_treatment_engaged
FROM store.identity
LEFT JOIN person_known ON identity.person_id = person_known.person_id
WHERE identity.raw_person_id <> 'erased'
ORDER BY identity.person_id
