-- How far the access log goes now that an act is recorded.
UPDATE store.log_mark SET size_bytes = $size_bytes, entry_hash = $entry_hash
