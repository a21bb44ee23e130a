-- The local day of the latest incident, null where there is none.
SELECT CAST(timezone($time_zone, max(occurred_at)) AS DATE) AS day
FROM incident_snapshot
