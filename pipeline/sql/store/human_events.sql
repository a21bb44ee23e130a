-- Decisions of people, and the mark that the access log had reached at the last.

-- name: add
-- Insert one human event unless it was recorded before; events of the same time keep their recording order.
INSERT INTO store.human_event BY NAME
SELECT
    $event_id AS event_id,
    $kind AS kind,
    $actor AS actor,
    $subject_kind AS subject_kind,
    $subject AS subject,
    $at AS "at",
    $detail AS detail,
    (SELECT coalesce(max(sequence), 0) + 1 FROM store.human_event) AS sequence
WHERE $event_id NOT IN (SELECT event_id FROM store.human_event)

-- name: all
SELECT sequence, event_id, kind, actor, subject_kind, subject, "at", detail
FROM store.human_event
ORDER BY sequence, "at", event_id

-- name: of_markets
-- Decisions on markets.
SELECT sequence, event_id, kind, actor, subject_kind, subject, "at", detail
FROM store.human_event
WHERE subject_kind = 'market'
ORDER BY sequence, "at", event_id

-- name: keep_log_mark
-- Store the mark of the access log at the latest human event.
UPDATE store.log_mark SET size_bytes = $size_bytes, entry_hash = $entry_hash

-- name: last_at
SELECT max("at") FROM store.human_event

-- name: log_mark
SELECT size_bytes, entry_hash FROM store.log_mark
