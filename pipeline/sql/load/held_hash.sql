-- Hashes of the event and of the version of every stored row that was added by a batch after $after.
SELECT
    hash('event', event_source, event_id) AS event_hash,
    hash('version', entity_key, version) AS version_hash
FROM held
WHERE batch_id > $after
