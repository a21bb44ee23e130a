-- The raw id goes; the pseudonym stays, so that no later event brings the raw id back.
UPDATE store.identity
SET raw_person_id = $tombstone
WHERE person_id = $person_id
