-- What is known at one moment, regardless of any run.

-- name: actions
-- Actions of `action_snapshot` that name an area, oldest first. The persons concerned are not read.
SELECT action_id, kind, actor, area_id, notice_id, "at", hours, detail, recorded_at, revised_at
FROM action_snapshot
WHERE area_id IS NOT NULL
ORDER BY "at", action_id
