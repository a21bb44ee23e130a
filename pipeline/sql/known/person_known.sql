-- People as described before $as_of and known at $known_at. A death still to come is no death yet.
CREATE TABLE person_known AS
SELECT
    person_id,
    version,
    birth_date,
    birth_year,
    CASE WHEN deceased_at < $as_of THEN deceased_at END AS deceased_at,
    is_treatment_consented,
    is_treatment_engaged,
    event_time
FROM store.person_version
WHERE ingested_at <= $known_at AND (event_time IS NULL OR event_time < $as_of)
QUALIFY row_number() OVER (
    PARTITION BY person_id
    ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
) = 1
