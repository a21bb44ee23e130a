-- Warrants issued before $as_of, in the state that was reported before it and known at $known_at.
CREATE TABLE warrant_known AS
WITH latest AS (
    SELECT *
    FROM store.warrant_version
    WHERE ingested_at <= $known_at AND (event_time IS NULL OR event_time < $as_of)
    QUALIFY row_number() OVER (
        PARTITION BY warrant_id
        ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
    ) = 1
)
SELECT warrant_id, version, person_id, kind, issued_at, status, underlying_offence_code, event_time
FROM latest
WHERE issued_at < $as_of
