-- Hashes of the event and of the version of every row of the batch, as in held_hash.
SELECT
    staged_row,
    hash('event', event_source, event_id) AS event_hash,
    hash('version', entity_key, version) AS version_hash
FROM arrival
