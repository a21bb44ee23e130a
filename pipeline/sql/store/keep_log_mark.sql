-- Store the mark of the access log at the latest human event.
UPDATE store.log_mark SET size_bytes = $size_bytes, entry_hash = $entry_hash
