-- Migrations that the store has, with the version that applied each.

-- name: all
SELECT * FROM store.migration ORDER BY name

-- name: mark
UPDATE store.migration SET applied_by = $version WHERE list_contains($names, name)
