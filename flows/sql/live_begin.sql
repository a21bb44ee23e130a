-- The incidents that a batch changed (moved.changed) and that are not cancelled, in the form of `incident_snapshot`;
-- and the placement of their points (`placed`), for points not placed before.
CREATE OR REPLACE TABLE moved.incident_snapshot AS
SELECT * EXCLUDE (is_cancelled)
FROM moved.changed
WHERE NOT is_cancelled;

INSERT INTO main.point_placed BY NAME
SELECT placed.*
FROM placed
ANTI JOIN main.point_placed AS held ON placed.lon = held.lon AND placed.lat = held.lat;

DROP TABLE IF EXISTS moved.incident_placed;
