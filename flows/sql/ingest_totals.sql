-- What became of the rows of every batch that brought anything new: rows_in = versions_stored + duplicates +
-- dead_letters. A file loaded again brings nothing, and a replay's rows came in with the batch it took them from.
SELECT
    coalesce(sum(rows_in), 0) AS rows_in,
    coalesce(sum(stored), 0) AS versions_stored,
    coalesce(sum(duplicates), 0) AS duplicates,
    coalesce(sum(dead), 0) AS dead_letters,
    coalesce(sum(conflicts), 0) AS conflicts,
    (SELECT count(*) FROM dead_letter_snapshot) AS dead_letters_waiting
FROM batch_snapshot
WHERE stored > 0 AND NOT starts_with(source, 'replay of ')
