-- Kept runs, the latest last: a rerun of the same day has a later known_at and follows it. Of two runs with the same
-- clocks, such as before and after a change of settings, the later published is last. rowid is the publication order.
SELECT *
FROM kept.run
ORDER BY as_of, known_at, rowid
