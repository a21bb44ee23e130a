-- Cells with incidents after the run's clock.
SELECT cell_ix, cell_iy, count(*) AS new_incidents
FROM incident_since_run
GROUP BY ALL
ORDER BY ALL
