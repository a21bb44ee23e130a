-- Stays that began before $as_of, as known at $known_at. The end is null if it is not before $as_of.
CREATE TABLE custody_snapshot AS
WITH latest AS (
    SELECT *
    FROM store.custody_version
    WHERE ingested_at <= $known_at
    QUALIFY row_number() OVER (
        PARTITION BY person_id, custody_from
        ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
    ) = 1
)
SELECT
    person_id,
    version,
    custody_from,
    CASE WHEN custody_to < $as_of THEN custody_to END AS custody_to,
    kind,
    event_time
FROM latest
WHERE custody_from < $as_of
