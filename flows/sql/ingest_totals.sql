-- What became of everything that came in; a replay's rows are among those of the batch it took them from.
SELECT
    coalesce(sum(rows_in) FILTER (WHERE NOT starts_with(source, 'replay of ')), 0) AS rows_in,
    coalesce(sum(stored), 0) AS versions_stored,
    coalesce(sum(duplicates), 0) AS duplicates,
    coalesce(sum(conflicts), 0) AS conflicts,
    (SELECT count(*) FROM dead_letter_known) AS dead_letters
FROM batch_known
