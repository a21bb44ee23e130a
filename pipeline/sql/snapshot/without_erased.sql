-- Remove erased people in every role, whatever the clocks, under all ids that are theirs (`one_person`).
CREATE TEMP TABLE erased AS
WITH buried AS (
    SELECT person_id
    FROM store.identity
    WHERE raw_person_id = 'erased'
)
FROM buried
UNION
SELECT person_id
FROM one_person
WHERE one_id IN (SELECT one_id FROM one_person SEMI JOIN buried USING (person_id));

DELETE FROM involvement_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM person_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM treatment_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM custody_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM warrant_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM action_snapshot WHERE subject_person_id IN (SELECT person_id FROM erased);
DROP TABLE erased
