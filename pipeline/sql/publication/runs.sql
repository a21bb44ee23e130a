-- Kept runs, the latest last: a rerun of the same day knows more and stands after it; of two that knew the same, such as
-- before and after a setting was changed, the one published later does. Rows lie in the order of publication.
SELECT *
FROM kept.run
ORDER BY as_of, known_at, rowid
