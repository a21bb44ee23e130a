-- Block a person without an identity from being ingested later.
INSERT INTO store.identity
SELECT $person_id, $tombstone
WHERE $person_id NOT IN (SELECT person_id FROM store.identity)
