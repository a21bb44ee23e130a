-- Dead letters waiting at $known_at, without their payload.
CREATE TABLE dead_letter_snapshot AS
SELECT topic, source_partition, source_offset, reason, mapping, ingested_at, about, value
FROM store.dead_letter
WHERE ingested_at <= $known_at AND (resolved_at IS NULL OR resolved_at > $known_at)
