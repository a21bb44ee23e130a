-- Far fewer than rows, so only these are transformed.
SELECT DISTINCT x, y
FROM extract
WHERE isfinite(x) AND isfinite(y)
ORDER BY x, y
