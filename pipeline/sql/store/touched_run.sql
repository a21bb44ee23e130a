-- For each run (as_of, known_at) in `run_clock`: whether data about the time before as_of arrived after known_at.
WITH arrival AS (
    SELECT ingested_at, occurred_at AS happened_at FROM store.incident_version
    UNION ALL
    SELECT ingested_at, NULL FROM store.person_version -- a birth date applies at every time, so it affects every run
    UNION ALL
    SELECT ingested_at, NULL FROM store.same_person_version -- so does that two ids are one person
    UNION ALL
    SELECT ingested_at, custody_from FROM store.custody_version
    UNION ALL
    SELECT ingested_at, issued_at FROM store.warrant_version
    UNION ALL
    SELECT ingested_at, shift_start FROM store.staffing_version
    UNION ALL
    SELECT ingested_at, "at" FROM store.action_version
),
-- Most rows share their time of arrival; only the earliest event of each arrival time matters.
earliest AS (
    SELECT ingested_at, min(coalesce(happened_at, '-infinity')) AS happened_at
    FROM arrival
    GROUP BY ingested_at
)
SELECT run_clock.as_of, run_clock.known_at, count(earliest.ingested_at) > 0 AS is_touched
FROM run_clock
LEFT JOIN earliest ON earliest.ingested_at > run_clock.known_at AND earliest.happened_at < run_clock.as_of
GROUP BY ALL
ORDER BY ALL
