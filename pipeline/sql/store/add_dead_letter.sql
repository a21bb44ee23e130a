-- Dead letters not waiting in the store already: the same record of the same topic waits once. Of a record too large to
-- be read its first 4 KiB are kept, and the hash of all of it; it is cut first, so that nothing after carries the rest.
-- They go in in order of arrival, for a replay reads them again in the order in which they stand.
INSERT INTO store.dead_letter
WITH hashed AS (
    SELECT
        * REPLACE (CASE WHEN reason = 'too_large' THEN payload[:4096] ELSE payload END AS payload),
        md5_number(dead_arrived.payload) AS payload_hash
    FROM dead_arrived
),
distinct_letter AS (
    SELECT *
    FROM hashed
    QUALIFY row_number() OVER (PARTITION BY topic, payload_hash ORDER BY source_partition, source_offset) = 1
),
waiting AS (
    SELECT topic, payload_hash
    FROM store.dead_letter
    WHERE resolved_at IS NULL
)
SELECT
    topic, source_partition, source_offset, reason, detail, mapping, payload, payload_hash, $batch_id, $ingested_at, NULL
FROM distinct_letter
ANTI JOIN waiting USING (topic, payload_hash)
ORDER BY topic, source_partition, source_offset, payload_hash
