-- Raw ids behind the pseudonyms of people.

-- name: add
INSERT INTO store.identity
SELECT DISTINCT person_id, raw_person_id
FROM identity_arrived
ANTI JOIN store.identity AS held USING (person_id)

-- name: resolved
SELECT person_id, raw_person_id
FROM store.identity
WHERE person_id IN (SELECT unnest($person_ids::VARCHAR[]))
ORDER BY person_id

-- name: all
SELECT raw_person_id
FROM store.identity
WHERE raw_person_id <> 'erased'
ORDER BY raw_person_id

-- name: pseudonyms
SELECT person_id
FROM store.identity
WHERE raw_person_id <> 'erased'
ORDER BY person_id

-- name: named
-- Pieces of text that are a person's raw id, regardless of case. A tombstone never matches: it has no digit.
SELECT DISTINCT lower(raw_person_id) AS raw_id
FROM store.identity
WHERE lower(raw_person_id) IN (SELECT piece FROM piece)
ORDER BY raw_id

-- name: bury
-- Delete the raw id; keep the pseudonym, so that no later event restores the raw id.
UPDATE store.identity
SET raw_person_id = $tombstone
WHERE person_id = $person_id

-- name: add_tombstone
-- Block a person without an identity from being ingested later.
INSERT INTO store.identity
SELECT $person_id, $tombstone
WHERE $person_id NOT IN (SELECT person_id FROM store.identity)
