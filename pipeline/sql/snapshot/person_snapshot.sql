-- People as known at $known_at, whatever the time of the report: a birth date applies at every time, and a death, a
-- consent or its end applies as soon as it is known. Treatment that had not ended before $as_of applies too.
-- A death that any version states stays: a later version that leaves it out revives nobody.
-- If the latest version has several contents, the youngest age applies; a person of unknown age counts as
-- eighteen today: older than a child, younger than every adult.
CREATE TABLE person_snapshot AS
WITH version AS (
    SELECT
        *,
        version = max(version) OVER (PARTITION BY person_id) AS is_latest,
        version = max(version) FILTER (event_time IS NULL OR event_time < $as_of) OVER (PARTITION BY person_id) AS is_past
    FROM store.person_version
    WHERE ingested_at <= $known_at
),
together AS (
    SELECT
        * REPLACE (
            min(deceased_at) OVER same_person AS deceased_at,
            bool_or(is_treatment_consented) FILTER (is_latest) OVER same_person AS is_treatment_consented,
            bool_or(is_treatment_engaged) FILTER (is_latest OR is_past) OVER same_person AS is_treatment_engaged
        )
    FROM version
    WINDOW same_person AS (PARTITION BY person_id)
)
SELECT
    person_id,
    version,
    birth_date,
    birth_year,
    deceased_at,
    is_treatment_consented,
    is_treatment_engaged,
    event_time
FROM together
WHERE is_latest
QUALIFY row_number() OVER (
    PARTITION BY person_id
    ORDER BY
        coalesce(birth_date, make_date(birth_year, 12, 31), CAST($as_of - INTERVAL 18 YEAR AS DATE)) DESC,
        content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
) = 1
