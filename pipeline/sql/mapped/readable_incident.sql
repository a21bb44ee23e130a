-- Incidents of the file that no rule refuses.
SELECT occurred_at, offence_code AS offence, lon, lat
FROM mapped
WHERE rule IS NULL
ORDER BY ALL
