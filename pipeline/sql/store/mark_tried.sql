-- Of the replayed dead letters (`tried`), those that failed again (`dead_arrived`) keep waiting with the new reason.
UPDATE store.dead_letter
SET reason = coalesce(again.reason, dead_letter.reason),
    detail = coalesce(again.detail, dead_letter.detail),
    resolved_at = CASE WHEN again.reason IS NULL THEN $ingested_at END
FROM tried
LEFT JOIN (
    SELECT topic, md5_number(payload) AS payload_hash, min(reason) AS reason, min(detail) AS detail
    FROM dead_arrived
    GROUP BY ALL
) AS again USING (topic, payload_hash)
WHERE dead_letter.resolved_at IS NULL
    AND dead_letter.mapping IS NOT DISTINCT FROM $mapping
    AND dead_letter.topic = tried.topic
    AND dead_letter.payload_hash = tried.payload_hash
