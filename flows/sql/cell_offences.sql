-- Incidents of some cells by offence in the window, and their weight after decay.
SELECT
    wanted.cell_id,
    placed.offence_code,
    CAST(count(*) AS BIGINT) AS n,
    CAST(sum(CAST(1000 * codebook.harm_days * pow(0.5, placed.age_days / $half_life_days) AS BIGINT)) AS BIGINT) AS weight
FROM incident_placed AS placed
JOIN wanted_cell AS wanted ON placed.cell_ix = wanted.cell_ix AND placed.cell_iy = wanted.cell_iy
JOIN codebook USING (offence_code)
WHERE placed.age_days BETWEEN 0 AND $window_days - 1
    AND list_contains($discoveries, placed.discovery)
    AND codebook.harm_days > 0
GROUP BY wanted.cell_id, placed.offence_code
ORDER BY wanted.cell_id, weight DESC, placed.offence_code
