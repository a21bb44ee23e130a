-- Messages to other systems, each delivered at least once.

-- name: add
-- Insert the messages of `message_arrived` that were never written before.
INSERT INTO store.outbox BY NAME
WITH written AS (
    SELECT coalesce(max(sequence), 0) AS last_sequence
    FROM store.outbox
),
first_of_each AS (
    SELECT *
    FROM message_arrived
    QUALIFY row_number() OVER (PARTITION BY message_id ORDER BY position) = 1
)
SELECT
    message_id, topic, key, payload,
    $created_at AS created_at,
    last_sequence + row_number() OVER (ORDER BY position) AS sequence,
    NULL::TIMESTAMPTZ AS delivered_at
FROM first_of_each
ANTI JOIN store.outbox AS held USING (message_id)
CROSS JOIN written

-- name: undelivered
-- Undelivered messages (of one topic, if $topic is given), oldest first.
SELECT topic, key, message_id, payload
FROM store.outbox
WHERE delivered_at IS NULL AND ($topic IS NULL OR topic = $topic)
ORDER BY sequence
LIMIT $at_most

-- name: mark_delivered
UPDATE store.outbox
SET delivered_at = $at
WHERE delivered_at IS NULL AND message_id IN (SELECT unnest($message_ids))

-- name: withdraw
-- Withdrawn messages are emptied and never sent; their ids stay, so that they are not written again.
UPDATE store.outbox
SET payload = ''::BLOB, delivered_at = $at
WHERE delivered_at IS NULL AND message_id IN (SELECT unnest($message_ids::VARCHAR[]))

-- name: empty
-- Emptied messages are no longer sent; their ids stay, so that they are not written again.
UPDATE store.outbox
SET payload = ''::BLOB, delivered_at = coalesce(delivered_at, $at)
WHERE rowid IN (SELECT unnest($rows::BIGINT[]))

-- name: waiting
-- Number of undelivered messages by topic.
SELECT topic, count(*) AS messages, min(created_at) AS oldest_at
FROM store.outbox
WHERE delivered_at IS NULL
GROUP BY topic
ORDER BY topic

-- name: told_keys
-- Entities of which something on $topic was delivered; what was withdrawn or emptied has no payload.
SELECT DISTINCT key
FROM store.outbox
WHERE topic = $topic AND delivered_at IS NOT NULL AND octet_length(payload) > 0
ORDER BY key

-- name: about
SELECT rowid
FROM store.outbox
WHERE key IN (SELECT unnest($keys::VARCHAR[]))
ORDER BY rowid

-- name: topics
SELECT DISTINCT topic
FROM store.outbox
ORDER BY topic

-- name: letters_to
-- Notices to $person_id that somebody opened.
SELECT DISTINCT subject
FROM store.human_event
WHERE
    subject_kind = 'notice'
    AND kind = 'drafted'
    AND json_extract_string(detail, '$.fields.person_id') = $person_id
ORDER BY subject
