-- The waiting dead letters by reason.
SELECT reason, count(*) AS n
FROM dead_letter_known
GROUP BY reason
ORDER BY reason
