-- Reports of markets (`report`) with the hash of the incident's id instead of the id.
SELECT * REPLACE (hash(incident_id) AS incident_id)
FROM report
ORDER BY incident_id
