SELECT person_id, raw_person_id
FROM store.identity
WHERE person_id IN (SELECT unnest($person_ids::VARCHAR[]))
ORDER BY person_id
