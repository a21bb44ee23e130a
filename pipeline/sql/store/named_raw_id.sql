-- Which pieces of text are the raw id of somebody, whatever the capitals. A tombstone is nobody's id: it has no digit.
SELECT DISTINCT lower(raw_person_id) AS raw_id
FROM store.identity
WHERE lower(raw_person_id) IN (SELECT piece FROM piece)
ORDER BY raw_id
