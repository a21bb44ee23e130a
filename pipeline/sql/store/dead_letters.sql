-- Records that could not be read as events, which wait until their cause is mended.

-- name: add
-- Insert dead letters that are not waiting already: the same record of the same topic and mapping waits once. Of a record that is
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
    QUALIFY row_number() OVER (PARTITION BY topic, payload_hash, mapping ORDER BY source_partition, source_offset) = 1
),
waiting AS (
    SELECT topic, payload_hash, coalesce(mapping, '') AS mapping_name
    FROM store.dead_letter
    WHERE resolved_at IS NULL
)
SELECT
    topic, source_partition, source_offset, reason, detail, mapping, payload, payload_hash, $batch_id, $ingested_at,
    NULL AS resolved_at, about, value
FROM distinct_letter
ANTI JOIN waiting
    ON distinct_letter.topic = waiting.topic
    AND distinct_letter.payload_hash = waiting.payload_hash
    AND coalesce(distinct_letter.mapping, '') = waiting.mapping_name
ORDER BY topic, source_partition, source_offset, payload_hash

-- name: all
-- Waiting dead letters, without their payloads, in order of arrival.
SELECT batch_id, ingested_at, topic, source_partition, source_offset, reason, detail, mapping, about, value
FROM store.dead_letter
WHERE resolved_at IS NULL
ORDER BY batch_id, topic, source_partition, source_offset, payload_hash

-- name: next_events
-- Next page of waiting dead letters that are events, with their payloads. Of records that are too large only the
-- beginning is stored, so they wait until the source sends smaller ones.
SELECT rowid, topic, source_partition, source_offset, payload
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping IS NULL AND reason <> 'too_large' AND rowid > $after
ORDER BY rowid
LIMIT $page

-- name: mappings
SELECT DISTINCT mapping
FROM store.dead_letter
WHERE resolved_at IS NULL AND mapping IS NOT NULL
ORDER BY mapping

-- name: reasons
-- Number of waiting dead letters by reason.
SELECT reason, count(*) AS letters
FROM store.dead_letter
WHERE resolved_at IS NULL
GROUP BY reason
ORDER BY letters DESC, reason

-- name: words
-- Offence words of waiting dead letters, the commonest first.
SELECT value, count(*) AS letters
FROM store.dead_letter
WHERE resolved_at IS NULL AND reason IN ('unknown_offence_code', 'unchecked_offence') AND value IS NOT NULL
GROUP BY value
ORDER BY letters DESC, value

-- name: tried
-- Dead letters that a replay of events tries again.
CREATE OR REPLACE TEMP TABLE tried AS
SELECT DISTINCT topic, md5_number(payload) AS payload_hash
FROM letters

-- name: files
-- Files of the waiting dead letters of a mapping that were valid rows; without a digest in stores of an earlier version.
SELECT topic, min(digest) AS digest
FROM (
    SELECT DISTINCT dead_letter.topic, dead_letter.batch_id, dead_letter.mapping
    FROM store.dead_letter
    WHERE resolved_at IS NULL AND mapping = $mapping AND reason <> 'unread_line'
) AS letter
LEFT JOIN store.loaded_file ON letter.batch_id = loaded_file.batch_id AND letter.mapping = loaded_file.mapping
GROUP BY topic, digest
ORDER BY topic, digest

-- name: loaded_again
-- Waiting dead letters of a file that is loaded again: this load tries its rows anew.
CREATE OR REPLACE TEMP TABLE tried AS
SELECT DISTINCT topic, payload_hash
FROM store.dead_letter
SEMI JOIN earlier_load USING (batch_id)
WHERE resolved_at IS NULL AND mapping = $mapping

-- name: mark_tried
-- Of the replayed dead letters (`tried`), those that failed again (`dead_arrived`) keep waiting with the new reason.
UPDATE store.dead_letter
SET reason = coalesce(again.reason, dead_letter.reason),
    detail = coalesce(again.detail, dead_letter.detail),
    about = CASE WHEN again.reason IS NULL THEN dead_letter.about ELSE again.about END,
    value = CASE WHEN again.reason IS NULL THEN dead_letter.value ELSE again.value END,
    resolved_at = CASE WHEN again.reason IS NULL THEN $ingested_at END
FROM tried
LEFT JOIN (
    SELECT topic, md5_number(payload) AS payload_hash, min(reason) AS reason, min(detail) AS detail,
        min(about) AS about, min(value) AS value
    FROM dead_arrived
    GROUP BY ALL
) AS again USING (topic, payload_hash)
WHERE dead_letter.resolved_at IS NULL
    AND dead_letter.mapping IS NOT DISTINCT FROM $mapping
    AND dead_letter.topic = tried.topic
    AND dead_letter.payload_hash = tried.payload_hash

-- name: empty
UPDATE store.dead_letter
SET payload = ''::BLOB, detail = 'erased', value = NULL
WHERE rowid IN (SELECT unnest($rows::BIGINT[]))
