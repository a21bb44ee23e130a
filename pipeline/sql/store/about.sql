-- All versions of what the store holds about the people in `person_asked`, in any role and at any time, as tables of the
-- store's form. Hashes are two halves, which sort as they do: Arrow has no integer of their size.

-- name: incident_version
-- Every version of an incident of which any version names one of them: a later one may leave them out. And every
-- incident from $also_since on, if that is given.
WITH involved AS (
    SELECT incident_id, unnest(involvements) AS involvement
    FROM store.incident_version
    WHERE involvements IS NOT NULL
),
named AS (
    SELECT DISTINCT incident_id
    FROM involved
    SEMI JOIN person_asked ON involved.involvement.person_id = person_asked.person_id
)
SELECT * REPLACE ({'high': CAST(content_hash >> 64 AS UBIGINT), 'low': CAST(content_hash & 18446744073709551615 AS UBIGINT)} AS content_hash)
FROM store.incident_version
WHERE incident_id IN (SELECT incident_id FROM named) OR occurred_at >= $also_since
ORDER BY incident_id, version, content_hash, event_source, event_id

-- name: person_version
SELECT version.* REPLACE ({'high': CAST(content_hash >> 64 AS UBIGINT), 'low': CAST(content_hash & 18446744073709551615 AS UBIGINT)} AS content_hash)
FROM store.person_version AS version
SEMI JOIN person_asked USING (person_id)
ORDER BY person_id, version, content_hash, event_source, event_id

-- name: same_person_version
-- All of them: whoever is asked about may be one person with anybody.
SELECT version.* REPLACE ({'high': CAST(content_hash >> 64 AS UBIGINT), 'low': CAST(content_hash & 18446744073709551615 AS UBIGINT)} AS content_hash)
FROM store.same_person_version AS version
ORDER BY person_id, same_person_id, version, content_hash, event_source, event_id

-- name: custody_version
SELECT version.* REPLACE ({'high': CAST(content_hash >> 64 AS UBIGINT), 'low': CAST(content_hash & 18446744073709551615 AS UBIGINT)} AS content_hash)
FROM store.custody_version AS version
SEMI JOIN person_asked USING (person_id)
ORDER BY person_id, custody_from, version, content_hash, event_source, event_id

-- name: warrant_version
-- Every version of a warrant of which any version is against one of them.
SELECT version.* REPLACE ({'high': CAST(content_hash >> 64 AS UBIGINT), 'low': CAST(content_hash & 18446744073709551615 AS UBIGINT)} AS content_hash)
FROM store.warrant_version AS version
WHERE warrant_id IN (SELECT held.warrant_id FROM store.warrant_version AS held SEMI JOIN person_asked USING (person_id))
ORDER BY warrant_id, version, content_hash, event_source, event_id

-- name: action_version
-- None: no rule about people reads actions.
SELECT version.* REPLACE ({'high': CAST(content_hash >> 64 AS UBIGINT), 'low': CAST(content_hash & 18446744073709551615 AS UBIGINT)} AS content_hash)
FROM store.action_version AS version
WHERE false
ORDER BY action_id

-- name: identity
SELECT identity.*
FROM store.identity
SEMI JOIN person_asked USING (person_id)
ORDER BY person_id
