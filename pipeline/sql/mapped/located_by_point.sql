-- The file's coordinates in degrees of WGS84, transformed per distinct point; null if they are not on Earth.
CREATE OR REPLACE TEMP VIEW located AS
SELECT identified.*, point_wgs84.lon, point_wgs84.lat
FROM identified
LEFT JOIN point_wgs84 USING (x, y)
