-- Pairs of ids that are one person.

-- name: joined
SELECT person_id, same_person_id, recorded_at
FROM same_person_snapshot
WHERE status = 'joined'
ORDER BY ALL

-- name: ever_joined
SELECT DISTINCT person_id, same_person_id, ingested_at
FROM store.same_person_version
WHERE status = 'joined'
ORDER BY ALL
