-- Rows of the file with their identifiers: incident, version, event. Reads `extract` and derived_id.
CREATE OR REPLACE TEMP VIEW identified AS
SELECT
    extract.*,
    coalesce(extract.incident_id, extract.harmspot_incident_id, derived_id.incident_id) AS id,
    CASE
        WHEN is_updated_at_given THEN epoch(coalesce(
            timezone('UTC', updated_at_absolute), updated_at_local))::BIGINT
        WHEN is_version_given THEN version
        ELSE 1
    END AS stated_version,
    CASE WHEN is_updated_at_given OR is_version_given THEN concat(id, '@', stated_version) ELSE id END AS event_id
FROM extract
LEFT JOIN derived_id ON extract.row_number = derived_id.row_number
