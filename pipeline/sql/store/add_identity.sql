INSERT INTO store.identity
SELECT DISTINCT person_id, raw_person_id
FROM identity_arrived
ANTI JOIN store.identity AS held USING (person_id)
