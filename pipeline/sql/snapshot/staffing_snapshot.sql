-- Shifts that began before $as_of, as known at $known_at.
CREATE TABLE staffing_snapshot AS
WITH latest AS (
    SELECT *
    FROM store.staffing_version
    WHERE ingested_at <= $known_at
    QUALIFY row_number() OVER (
        PARTITION BY area_id, shift_start, shift_end
        ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
    ) = 1
)
SELECT area_id, version, shift_start, shift_end, rostered_hours, available_hours, event_time
FROM latest
WHERE shift_start < $as_of
