SELECT DISTINCT mapping
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping IS NOT NULL
ORDER BY mapping
