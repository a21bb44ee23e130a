-- Delete the raw id; keep the pseudonym, so that no later event restores the raw id.
UPDATE store.identity
SET raw_person_id = $tombstone
WHERE person_id = $person_id
