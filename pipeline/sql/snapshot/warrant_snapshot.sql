-- Warrants issued before $as_of, in the state reported before it. An execution or recall applies as soon as it is known
-- at $known_at, even if only one of several contents of a version reports it.
CREATE TABLE warrant_snapshot AS
WITH version AS (
    SELECT
        *,
        first_value(status) OVER (
            PARTITION BY warrant_id ORDER BY version DESC, status = 'outstanding', status
        ) AS latest_status
    FROM store.warrant_version
    WHERE ingested_at <= $known_at
),
past AS (
    SELECT *
    FROM version
    WHERE event_time IS NULL OR event_time < $as_of
    QUALIFY row_number() OVER (
        PARTITION BY warrant_id
        ORDER BY
            version DESC, status = 'outstanding', content_hash DESC, event_source DESC, event_id DESC,
            event_time DESC NULLS LAST
    ) = 1
)
SELECT
    warrant_id,
    version,
    person_id,
    kind,
    issued_at,
    CASE WHEN latest_status = 'outstanding' THEN status ELSE latest_status END AS status,
    underlying_offence_code,
    event_time
FROM past
WHERE issued_at < $as_of
