-- Of the incidents that a batch touched (moved.changed), those that still stand, as `incident_snapshot` has them; and
-- where their points lie (`placed`), for the points nobody has placed yet.
CREATE OR REPLACE TABLE moved.incident_snapshot AS
SELECT * EXCLUDE (is_cancelled)
FROM moved.changed
WHERE NOT is_cancelled;

INSERT INTO main.point_placed BY NAME
SELECT placed.*
FROM placed
ANTI JOIN main.point_placed AS held ON placed.lon = held.lon AND placed.lat = held.lat;

DROP TABLE IF EXISTS moved.incident_placed;
