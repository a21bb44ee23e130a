-- Distinct points are far fewer than rows, so only they are transformed.
SELECT DISTINCT x, y
FROM extract
WHERE isfinite(x) AND isfinite(y)
ORDER BY x, y
