-- Actions taken before $as_of, as known at $known_at.
CREATE TABLE action_snapshot AS
WITH latest AS (
    SELECT *
    FROM store.action_version
    WHERE ingested_at <= $known_at
    QUALIFY row_number() OVER (
        PARTITION BY action_id
        ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
    ) = 1
)
SELECT action_id, version, kind, actor, subject_person_id, area_id, notice_id, "at", hours, detail, event_time
FROM latest
WHERE "at" < $as_of
