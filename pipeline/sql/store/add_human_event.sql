INSERT INTO store.human_event
SELECT $event_id, $kind, $actor, $subject, $at, $detail
WHERE $event_id NOT IN (SELECT event_id FROM store.human_event)
