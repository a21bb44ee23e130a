-- Warrants that are still to be executed, as `warrant_known` has them.
SELECT warrant_id FROM warrant_known WHERE status = 'outstanding' ORDER BY warrant_id
