-- Somebody of whom nothing came in yet is not to come in later, either.
INSERT INTO store.identity
SELECT $person_id, $tombstone
WHERE $person_id NOT IN (SELECT person_id FROM store.identity)
