-- The touched incidents leave, and those that still stand come back as they are now. What happened after the run's
-- clock has a negative age and counts as of today.
CREATE TABLE IF NOT EXISTS main.incident_since_run (incident_id VARCHAR, cell_ix BIGINT, cell_iy BIGINT);

DELETE FROM main.incident_since_run WHERE incident_id IN (SELECT incident_id FROM moved.changed);

INSERT INTO main.incident_since_run
SELECT incident_id, cell_ix, cell_iy
FROM moved.incident_placed
WHERE age_days < 0 AND cell_ix IS NOT NULL;

DELETE FROM main.incident_placed WHERE incident_id IN (SELECT incident_id FROM moved.changed);

INSERT INTO main.incident_placed
SELECT * REPLACE (greatest(age_days, 0) AS age_days)
FROM moved.incident_placed;
