-- Pieces of text that are a person's raw id, regardless of case. A tombstone never matches: it has no digit.
SELECT DISTINCT lower(raw_person_id) AS raw_id
FROM store.identity
WHERE lower(raw_person_id) IN (SELECT piece FROM piece)
ORDER BY raw_id
