-- Pairs of ids, and whether they are one person as known at $known_at: like a birth date, that applies at every time.
-- Where the latest version says both, the two are one person. recorded_at is when the store learned that they are.
CREATE OR REPLACE TABLE same_person_snapshot AS
WITH version AS (
    SELECT
        *,
        version = max(version) OVER pair AS is_latest,
        version > coalesce(max(version) FILTER (status = 'parted') OVER pair, -1) AS is_since
    FROM store.same_person_version
    WHERE ingested_at <= $known_at
    WINDOW pair AS (PARTITION BY person_id, same_person_id)
)
SELECT
    person_id,
    same_person_id,
    version,
    status,
    event_time,
    min(ingested_at) FILTER (status = 'joined' AND (is_since OR is_latest)) OVER (
        PARTITION BY person_id, same_person_id
    ) AS recorded_at
FROM version
QUALIFY row_number() OVER (
    PARTITION BY person_id, same_person_id
    ORDER BY version DESC, status, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
) = 1
