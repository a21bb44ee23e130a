-- The distinct coordinates of the incidents: far fewer than incidents, so only they are placed.
SELECT DISTINCT lon, lat
FROM incident_known
WHERE lon IS NOT NULL
ORDER BY lon, lat
