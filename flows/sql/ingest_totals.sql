-- Row counts of every batch that stored a new version: rows_in = versions_stored + duplicates +
-- dead_letters. A file loaded again stores nothing; rows of a replay are counted in their original batch.
SELECT
    coalesce(sum(rows_in), 0) AS rows_in,
    coalesce(sum(stored), 0) AS versions_stored,
    coalesce(sum(duplicates), 0) AS duplicates,
    coalesce(sum(dead), 0) AS dead_letters,
    coalesce(sum(conflicts), 0) AS conflicts,
    (SELECT count(*) FROM dead_letter_snapshot) AS dead_letters_waiting
FROM batch_snapshot
WHERE stored > 0 AND NOT starts_with(source, 'replay of ')
