-- Number of waiting dead letters by reason.
SELECT reason, count(*) AS letters
FROM store.dead_letter
WHERE resolved_at IS NULL
GROUP BY reason
ORDER BY letters DESC, reason
