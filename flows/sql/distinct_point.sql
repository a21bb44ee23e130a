-- The distinct coordinates of the incidents: far fewer than incidents, so placement uses these only.
SELECT DISTINCT lon, lat
FROM incident_snapshot
WHERE lon IS NOT NULL
ORDER BY lon, lat
