-- Put one id in place of all ids of a person (`one_person`: person_id, one_id): whatever is computed from the snapshot
-- takes them for one. Of contradicting facts the protecting ones hold: the youngest known age, any death, any consent,
-- any treatment.
CREATE TEMP TABLE joined_involvement AS
SELECT DISTINCT incident_id, one_id AS person_id, role
FROM involvement_snapshot
JOIN one_person USING (person_id);

DELETE FROM involvement_snapshot WHERE person_id IN (SELECT person_id FROM one_person);
INSERT INTO involvement_snapshot BY NAME SELECT * FROM joined_involvement;
DROP TABLE joined_involvement;

CREATE TEMP TABLE joined_person AS
SELECT
    one_id AS person_id,
    person.* EXCLUDE (person_id) REPLACE (
        min(deceased_at) OVER same_person AS deceased_at,
        bool_or(is_treatment_consented) OVER same_person AS is_treatment_consented,
        bool_or(is_treatment_engaged) OVER same_person AS is_treatment_engaged
    )
FROM person_snapshot AS person
JOIN one_person USING (person_id)
WINDOW same_person AS (PARTITION BY one_id)
QUALIFY row_number() OVER (
    PARTITION BY one_id
    ORDER BY coalesce(birth_date, make_date(birth_year, 12, 31)) DESC NULLS LAST, version DESC, person.person_id
) = 1;

DELETE FROM person_snapshot WHERE person_id IN (SELECT person_id FROM one_person);
INSERT INTO person_snapshot BY NAME SELECT * FROM joined_person;
DROP TABLE joined_person;

UPDATE custody_snapshot SET person_id = one_id FROM one_person WHERE custody_snapshot.person_id = one_person.person_id;
UPDATE warrant_snapshot SET person_id = one_id FROM one_person WHERE warrant_snapshot.person_id = one_person.person_id;
UPDATE action_snapshot SET subject_person_id = one_id FROM one_person WHERE subject_person_id = one_person.person_id;
UPDATE treatment_snapshot SET person_id = one_id FROM one_person WHERE treatment_snapshot.person_id = one_person.person_id
