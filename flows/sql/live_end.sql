-- Replaces the changed incidents by their current versions, without cancelled ones. Incidents after the run's clock have
-- a negative age and count as of today. touched.area holds the areas that contain or contained a changed incident.
CREATE OR REPLACE TABLE touched.area AS
SELECT area_id FROM main.incident_placed WHERE incident_id IN (SELECT incident_id FROM moved.changed)
UNION
SELECT area_id FROM moved.incident_placed;

DELETE FROM touched.area WHERE area_id IS NULL;

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

CREATE OR REPLACE VIEW touched.incident_placed AS
SELECT * FROM main.incident_placed SEMI JOIN touched.area USING (area_id);
