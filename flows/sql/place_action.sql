-- Actions at places: actions that name an area, oldest first. The persons concerned are not read.
WITH named AS (
    SELECT raw_area_id, area_id FROM area_name
    UNION
    SELECT area_id, area_id FROM area_name
)
SELECT
    action.action_id, action.kind, action.actor, named.area_id, action.notice_id, action."at", action.hours, action.detail,
    action.recorded_at, action.revised_at
FROM action_snapshot AS action
JOIN named ON action.area_id = named.raw_area_id
ORDER BY action."at", action.action_id
