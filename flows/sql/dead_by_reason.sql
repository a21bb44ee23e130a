-- The waiting dead letters by reason.
SELECT reason, count(*) AS n
FROM dead_letter_snapshot
GROUP BY reason
ORDER BY reason
