-- Outstanding warrants of `warrant_snapshot`.
SELECT warrant_id FROM warrant_snapshot WHERE status = 'outstanding' ORDER BY warrant_id
