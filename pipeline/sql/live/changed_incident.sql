-- Latest version of each incident with a version from a batch after $seen, including cancelled incidents.
WITH touched AS (
    SELECT DISTINCT incident_id
    FROM store.incident_version
    WHERE batch_id > $seen
)
SELECT
    incident_id,
    status = 'cancelled' AS is_cancelled,
    occurred_at,
    occurred_precision,
    offence_code,
    discovery,
    report_channel,
    report_subject,
    reporter_ref,
    is_minor_used_by_adult,
    lon,
    lat,
    area_id
FROM store.incident_version
SEMI JOIN touched USING (incident_id)
QUALIFY row_number() OVER (
    PARTITION BY incident_id
    ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
) = 1
ORDER BY incident_id
