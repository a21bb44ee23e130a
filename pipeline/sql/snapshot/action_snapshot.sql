-- Actions taken before $as_of, as known at $known_at: of each the latest version, but of a registration the first that
-- was recorded, because what was registered cannot be changed. Of registrations, recorded_at is when the first version
-- was recorded, and revised_at when the next one was, null if none was; of other actions both are null.
CREATE TABLE action_snapshot AS
WITH known AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY action_id
            ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
        ) AS from_last,
        row_number() OVER recording AS from_first,
        first_value(kind) OVER recording AS first_kind,
        first_value(ingested_at) OVER recording AS recorded_at,
        nth_value(ingested_at, 2) OVER recording AS revised_at
    FROM store.action_version
    WHERE ingested_at <= $known_at
    WINDOW recording AS (
        PARTITION BY action_id
        ORDER BY ingested_at, version, content_hash, event_source, event_id, event_time NULLS FIRST
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
SELECT
    action_id, version, kind, actor, subject_person_id, area_id, notice_id, "at", hours, detail,
    offence_code, party, "count", days, event_time,
    CASE first_kind WHEN 'registration' THEN recorded_at END AS recorded_at,
    CASE first_kind WHEN 'registration' THEN revised_at END AS revised_at
FROM known
WHERE "at" < $as_of AND (CASE first_kind WHEN 'registration' THEN from_first ELSE from_last END) = 1
