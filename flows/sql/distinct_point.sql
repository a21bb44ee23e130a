-- The distinct coordinates of the incidents: far fewer than incidents, so only they are placed.
SELECT DISTINCT lon, lat
FROM incident_snapshot
WHERE lon IS NOT NULL
ORDER BY lon, lat
