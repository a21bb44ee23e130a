-- Remove erased people in every role, whatever the clocks.
CREATE TEMP TABLE erased AS
SELECT person_id
FROM store.identity
WHERE raw_person_id = 'erased';

DELETE FROM involvement_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM person_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM treatment_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM custody_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM warrant_snapshot WHERE person_id IN (SELECT person_id FROM erased);
DELETE FROM action_snapshot WHERE subject_person_id IN (SELECT person_id FROM erased);
DROP TABLE erased
