SELECT sequence, event_id, kind, actor, subject_kind, subject, "at", detail
FROM store.human_event
ORDER BY sequence, "at", event_id
