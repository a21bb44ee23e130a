-- Versions of incidents that another version known at $known_at supersedes. Nearly all incidents have one version, so
-- only those with several are ranked; the narrow hash has false positives but no false negatives.
CREATE TEMP TABLE superseded_incident AS
WITH suspect AS (
    SELECT hash(incident_id) AS id_hash
    FROM store.incident_version
    WHERE ingested_at <= $known_at
    GROUP BY id_hash
    HAVING count(*) > 1
)
SELECT version.rowid AS version_row
FROM store.incident_version AS version
SEMI JOIN suspect ON hash(version.incident_id) = suspect.id_hash
WHERE version.ingested_at <= $known_at
QUALIFY row_number() OVER (
    PARTITION BY version.incident_id
    ORDER BY version.version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
) > 1
