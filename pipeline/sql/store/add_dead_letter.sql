-- Insert dead letters that are not waiting already: the same record of the same topic waits once. Of a record that is
-- too large, the first 4 KiB and the hash of the whole are stored; it is cut first, so that later steps omit the rest.
-- Rows are inserted in order of arrival, because a replay reads them in stored order.
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
