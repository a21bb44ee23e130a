-- Version and upper half of the content hash of every incident version from batches up to $seen, the latest version of
-- an incident last.
SELECT
    hash(incident_id) AS id_hash,
    version,
    CAST(content_hash >> 64 AS UBIGINT) AS content
FROM store.incident_version
WHERE batch_id <= $seen
ORDER BY ALL
