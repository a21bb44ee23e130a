-- Kept runs, the latest last: a rerun of the same day knows more and stands after it.
SELECT *
FROM kept.run
ORDER BY as_of, known_at, run_id
