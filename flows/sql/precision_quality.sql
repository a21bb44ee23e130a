-- How precisely the incidents are dated.
SELECT
    count(*) FILTER (WHERE occurred_precision = 'day') AS day_count,
    count(*) FILTER (WHERE occurred_precision = 'month') AS month_count,
    count(*) FILTER (WHERE is_ambiguous_hour) AS ambiguous_count
FROM incident_snapshot
