-- Latest version that batches after $seen brought of each incident, including cancelled incidents.
SELECT
    incident_id,
    hash(incident_id) AS id_hash,
    version,
    CAST(content_hash >> 64 AS UBIGINT) AS content,
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
WHERE batch_id > $seen
QUALIFY row_number() OVER (
    PARTITION BY incident_id
    ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
) = 1
ORDER BY id_hash
