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

-- name: new_role
-- Roles that the store does not hold, each with the first row that gives it.
CREATE OR REPLACE TEMP TABLE new_role AS
SELECT
    involvement.incident_id,
    {'person_id': involvement.person_id, 'role': involvement.role} AS involvement,
    min(involvement.row_number) AS row_number
FROM involvement
JOIN held_incident ON involvement.incident_id = held_incident.incident_id
WHERE NOT list_contains(
    coalesce(held_incident.involvements, []), {'person_id': involvement.person_id, 'role': involvement.role}
)
GROUP BY ALL

-- name: counts
-- Number of rows whose incident the store holds, and of those among them that bring a new role.
SELECT
    (SELECT count(*) FROM involvement SEMI JOIN held_incident ON involvement.incident_id = held_incident.incident_id),
    (SELECT count(*) FROM new_role)

-- name: involved
-- A new version of each incident with a new role: the content held, with the roles held and the new ones.
WITH added AS (
    SELECT incident_id, list(involvement) AS involvements, min(row_number) AS row_number
    FROM new_role
    GROUP BY incident_id
)
SELECT
    held_incident.* EXCLUDE (content_hash, ingested_at, batch_id) REPLACE (
        $source AS event_source,
        concat(held_incident.incident_id, '@', held_incident.version + 1, '-involvements') AS event_id,
        NULL::TIMESTAMPTZ AS event_time,
        0::INTEGER AS source_partition,
        file_line.line AS source_offset,
        held_incident.version + 1 AS version,
        list_sort(list_concat(coalesce(held_incident.involvements, []), added.involvements)) AS involvements
    ),
    added.row_number
FROM held_incident
JOIN added ON held_incident.incident_id = added.incident_id
JOIN file_line ON added.row_number = file_line.row_number
ORDER BY added.row_number
