-- The file's coordinates are degrees of WGS84 already.
CREATE OR REPLACE TEMP VIEW located AS
SELECT *, x AS lon, y AS lat
FROM identified
