-- Roles of people in the incidents of incident_snapshot: one row per incident, person and role.
CREATE TABLE involvement_snapshot AS
WITH unnested AS (
    SELECT version.incident_id, unnest(version.involvements) AS involvement
    FROM store.incident_version AS version
    ANTI JOIN superseded_incident ON version.rowid = superseded_incident.version_row
    WHERE version.involvements IS NOT NULL
        AND version.ingested_at <= $known_at
        AND version.occurred_at < $as_of
        AND version.occurred_at >= $since
        AND version.status <> 'cancelled'
)
SELECT DISTINCT incident_id, involvement.person_id AS person_id, involvement.role AS role
FROM unnested
