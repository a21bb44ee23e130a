SELECT event_id, kind, actor, subject, "at", detail
FROM store.human_event
ORDER BY "at", event_id
