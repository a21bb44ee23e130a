-- Warrants that are still to be executed, as `warrant_snapshot` has them.
SELECT warrant_id FROM warrant_snapshot WHERE status = 'outstanding' ORDER BY warrant_id
