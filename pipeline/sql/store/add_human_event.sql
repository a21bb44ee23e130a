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
