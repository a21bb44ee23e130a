-- Keyed short ids in place of a source's own (pipeline/privacy/short_ids.py).

-- name: macro
CREATE OR REPLACE TEMP MACRO short_id(id) AS CASE
    WHEN regexp_full_match(id, 'k_[0-9a-f]{24}') THEN id
    ELSE concat('k_', left(sha256(
        getvariable('outer_pad') || unhex(sha256(getvariable('inner_pad') || encode(nfc_normalize(id))))
    ), 24))
END

-- name: incident
-- Ids of incidents of $event_source, of all sources where it is null, in batches after $since.
UPDATE store.incident_version
SET incident_id = short_id(incident_id)
WHERE incident_id IN (
    SELECT incident_id
    FROM store.incident_version
    WHERE
        batch_id > $since
        AND coalesce(event_source = $event_source, true)
        AND NOT regexp_full_match(incident_id, 'k_[0-9a-f]{24}')
)

-- name: warrant
-- The same for warrants.
UPDATE store.warrant_version
SET warrant_id = short_id(warrant_id)
WHERE warrant_id IN (
    SELECT warrant_id
    FROM store.warrant_version
    WHERE
        batch_id > $since
        AND coalesce(event_source = $event_source, true)
        AND NOT regexp_full_match(warrant_id, 'k_[0-9a-f]{24}')
)

-- name: keyed_until
SELECT batch_id, (SELECT coalesce(max(batch_id), 0) FROM store.ingest_batch) AS last_batch_id
FROM store.keyed_until

-- name: keep_keyed_until
UPDATE store.keyed_until SET batch_id = $batch_id
