-- Roles of people in incidents that the store holds, from an external file.

-- name: involvement
-- Rows of the file with the person's pseudonym: `decoded_person` (row_number, person_id) beside `record`.
CREATE OR REPLACE TEMP TABLE involvement AS
SELECT record.row_number, record.incident_id, decoded_person.person_id, record.role
FROM record
JOIN decoded_person ON record.row_number = decoded_person.row_number

-- name: held_incident
-- The latest version of each incident that the file names.
CREATE OR REPLACE TEMP TABLE held_incident AS
SELECT version.*
FROM store.incident_version AS version
SEMI JOIN involvement ON version.incident_id = involvement.incident_id
QUALIFY row_number() OVER (
    PARTITION BY version.incident_id
    ORDER BY version.version DESC, content_hash DESC, event_source DESC, event_id DESC, event_time DESC NULLS LAST
) = 1

-- name: unknown_incident
-- Rows of incidents that the store does not hold wait for them.
INSERT INTO refused_row
SELECT
    row_number,
    'unknown_incident' AS reason,
    '`incident_id` is not in the store; load the incidents, then replay.' AS detail
FROM involvement
ANTI JOIN held_incident ON involvement.incident_id = held_incident.incident_id

-- name: held_role
-- The roles that the store holds; `is_course` marks those of a suspect's way through the law, of which the latest count.
CREATE OR REPLACE TEMP TABLE held_role AS
SELECT *, role NOT IN ('victim', 'witness') AS is_course
FROM (
    SELECT incident_id, involvement.person_id, involvement.role
    FROM (SELECT incident_id, unnest(involvements) AS involvement FROM held_incident)
)

-- name: stated_role
-- The roles that the file states of incidents that the store holds. In a file that was loaded before, they are superseded
-- where the store meanwhile holds another role of the same course.
CREATE OR REPLACE TEMP TABLE stated_role AS
WITH role_row AS (
    SELECT
        involvement.incident_id,
        involvement.person_id,
        involvement.role,
        involvement.role NOT IN ('victim', 'witness') AS is_course,
        min(involvement.row_number) AS row_number,
        count(*) AS rows_n,
        bool_and(raw.harmspot_file IN (SELECT file FROM earlier_load)) AS is_loaded_again
    FROM involvement
    JOIN raw ON involvement.row_number = raw.harmspot_number
    SEMI JOIN held_incident ON involvement.incident_id = held_incident.incident_id
    GROUP BY ALL
),
held_course AS (
    SELECT incident_id, person_id, list(role) AS roles FROM held_role WHERE is_course GROUP BY ALL
)
SELECT
    role_row.*,
    coalesce(is_course AND is_loaded_again AND NOT list_contains(roles, role), false) AS is_superseded
FROM role_row
LEFT JOIN held_course USING (incident_id, person_id)

-- name: resulting_role
-- The roles of the incidents as they now are.
CREATE OR REPLACE TEMP TABLE resulting_role AS
WITH replaced AS (
    SELECT DISTINCT incident_id, person_id, is_course
    FROM stated_role
    WHERE is_course AND NOT is_loaded_again
)
SELECT incident_id, person_id, role FROM stated_role WHERE NOT is_superseded
UNION
SELECT incident_id, person_id, role FROM held_role ANTI JOIN replaced USING (incident_id, person_id, is_course)

-- name: counts
-- Number of rows whose incident the store holds, of those that bring a role, and of those that are superseded.
SELECT
    coalesce(sum(rows_n), 0)::BIGINT AS known,
    count_if(NOT is_superseded AND held_role.role IS NULL) AS new,
    coalesce(sum(rows_n) FILTER (is_superseded), 0)::BIGINT AS superseded
FROM stated_role
LEFT JOIN held_role USING (incident_id, person_id, role)

-- name: involved
-- A new version of each incident whose roles changed.
WITH resulting AS (
    SELECT incident_id, list_sort(list({'person_id': person_id, 'role': role})) AS involvements
    FROM resulting_role
    GROUP BY incident_id
),
first_row AS (
    SELECT incident_id, min(row_number) AS row_number FROM stated_role GROUP BY incident_id
)
SELECT held_incident.* EXCLUDE (content_hash, ingested_at, batch_id) REPLACE (
    $source AS event_source,
    concat(held_incident.incident_id, '@', held_incident.version + 1, '-involvements') AS event_id,
    NULL::TIMESTAMPTZ AS event_time,
    0::INTEGER AS source_partition,
    raw.harmspot_line - 1 AS source_offset,
    held_incident.version + 1 AS version,
    resulting.involvements AS involvements
)
FROM held_incident
JOIN resulting ON held_incident.incident_id = resulting.incident_id
JOIN first_row ON held_incident.incident_id = first_row.incident_id
JOIN raw ON first_row.row_number = raw.harmspot_number
WHERE resulting.involvements IS DISTINCT FROM list_sort(coalesce(held_incident.involvements, []))
ORDER BY first_row.row_number
