-- Roles of people in incidents that the store holds, from an external file.

-- name: involvement
-- Rows of the file with the person's pseudonym: `decoded_person` (row_number, person_id) beside `record`.
CREATE OR REPLACE TEMP TABLE involvement AS
SELECT
    record.row_number,
    kept_id(record.incident_id) AS incident_id,
    {'person_id': decoded_person.person_id, 'role': record.role} AS involvement,
    record.role NOT IN ('victim', 'witness') AS is_course, -- a step of a suspect's way through the law
    -- A row that waits as a dead letter has not been read before.
    EXISTS (FROM earlier_load) AND NOT $is_replay AND raw.harmspot_line - 1 NOT IN (
        SELECT source_offset
        FROM store.dead_letter
        SEMI JOIN earlier_load USING (batch_id)
        WHERE resolved_at IS NULL AND mapping = $mapping
    ) AS is_loaded_again
FROM record
JOIN decoded_person ON record.row_number = decoded_person.row_number
JOIN raw ON record.row_number = raw.harmspot_number

-- name: contradiction
-- Rows that say both that a person is a suspect and that nobody pursues them any more, in one incident: which is later?
CREATE OR REPLACE TEMP TABLE contradiction AS
SELECT involvement.row_number
FROM involvement
SEMI JOIN (
    SELECT incident_id, involvement.person_id AS person_id
    FROM involvement
    WHERE is_course
    GROUP BY incident_id, person_id
    HAVING bool_or(involvement.role = 'no_further_action') AND bool_or(involvement.role <> 'no_further_action')
) AS unclear
    ON involvement.incident_id = unclear.incident_id AND involvement.involvement.person_id = unclear.person_id
WHERE is_course

-- name: refuse_contradiction
INSERT INTO refused_row
SELECT
    row_number,
    'same_id' AS reason,
    'Other rows of the file give the same person another step in the same incident, and one of them is no_further_action; keep the latest, then load the file again.' AS detail,
    NULL AS about,
    NULL AS value
FROM contradiction

-- name: without_contradiction
DELETE FROM involvement WHERE row_number IN (SELECT row_number FROM contradiction)

-- name: former_role
-- Roles that earlier loads of the same file brought and that its rows no longer give: the mapping was mended.
CREATE OR REPLACE TEMP TABLE former_role AS
WITH version AS (
    SELECT
        incident_id,
        batch_id,
        coalesce(involvements, []) AS involvements,
        coalesce(lag(involvements) OVER (PARTITION BY incident_id ORDER BY version, batch_id), []) AS before
    FROM store.incident_version
    WHERE incident_id IN (SELECT incident_id FROM store.incident_version SEMI JOIN earlier_load USING (batch_id))
),
brought AS (
    SELECT incident_id, unnest(list_filter(involvements, lambda role: NOT list_contains(before, role))) AS involvement
    FROM version
    SEMI JOIN earlier_load USING (batch_id)
)
SELECT DISTINCT incident_id, involvement
FROM brought
ANTI JOIN involvement USING (incident_id, involvement)

-- name: no_former_role
CREATE OR REPLACE TEMP TABLE former_role AS
SELECT incident_id, involvement
FROM involvement
WHERE false

-- name: held_incident
-- The latest version of each incident whose roles may change.
CREATE OR REPLACE TEMP TABLE held_incident AS
SELECT version.* REPLACE (coalesce(version.involvements, []) AS involvements)
FROM store.incident_version AS version
WHERE version.incident_id IN (SELECT incident_id FROM involvement UNION SELECT incident_id FROM former_role)
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
    '`incident_id` is not in the store; load the incidents, then replay.' AS detail,
    NULL AS about,
    NULL AS value
FROM involvement
ANTI JOIN held_incident USING (incident_id)

-- name: held_role
-- The roles that the store holds, less those that the file gave before and no longer gives.
CREATE OR REPLACE TEMP TABLE held_role AS
SELECT *, involvement.role NOT IN ('victim', 'witness') AS is_course
FROM (SELECT incident_id, unnest(involvements) AS involvement FROM held_incident)
ANTI JOIN former_role USING (incident_id, involvement)

-- name: superseded
-- Rows of a file that was loaded before, about a person of whom the store meanwhile holds another step: nothing is undone.
CREATE OR REPLACE TEMP TABLE superseded AS
SELECT involvement.row_number
FROM involvement
SEMI JOIN held_role
    ON involvement.incident_id = held_role.incident_id
    AND involvement.involvement.person_id = held_role.involvement.person_id
    AND held_role.is_course
WHERE is_loaded_again AND is_course
    AND (incident_id, involvement) NOT IN (SELECT (incident_id, involvement) FROM held_role)

-- name: new_role
-- Roles that the store does not hold, each with the first row that gives it.
CREATE OR REPLACE TEMP TABLE new_role AS
SELECT involvement.incident_id, involvement.involvement, min(involvement.row_number) AS row_number
FROM involvement
JOIN held_incident USING (incident_id)
ANTI JOIN superseded ON involvement.row_number = superseded.row_number
WHERE NOT list_contains(held_incident.involvements, involvement.involvement)
GROUP BY ALL

-- name: gone_role
-- Roles that the store holds and that go: those that the files no longer give, and the steps of a person's way through
-- the law that a new file replaces by other ones: whoever is dropped is no suspect any more.
CREATE OR REPLACE TEMP TABLE gone_role AS
SELECT former_role.*
FROM former_role
JOIN held_incident USING (incident_id)
WHERE list_contains(held_incident.involvements, former_role.involvement)
UNION
SELECT held_role.incident_id, held_role.involvement
FROM held_role
SEMI JOIN involvement
    ON held_role.incident_id = involvement.incident_id
    AND held_role.involvement.person_id = involvement.involvement.person_id
    AND involvement.is_course AND NOT involvement.is_loaded_again
ANTI JOIN involvement AS same
    ON held_role.incident_id = same.incident_id AND held_role.involvement = same.involvement
WHERE held_role.is_course

-- name: counts
-- Number of rows whose incident the store holds, of new roles among them, of rows superseded, and of roles that go.
SELECT
    (SELECT count(*) FROM involvement SEMI JOIN held_incident USING (incident_id)) AS known_rows,
    (SELECT count(*) FROM new_role) AS new_rows,
    (SELECT count(*) FROM superseded) AS superseded_rows,
    (SELECT count(*) FROM gone_role) AS gone_roles

-- name: involved
-- A new version of each incident whose roles change: the content held, the roles held without those that go, and the new
-- ones, sorted.
WITH added AS (
    SELECT incident_id, list(involvement) AS roles, min(row_number) AS row_number
    FROM new_role
    GROUP BY incident_id
),
gone AS (
    SELECT incident_id, list(involvement) AS roles
    FROM gone_role
    GROUP BY incident_id
)
SELECT
    held_incident.* EXCLUDE (content_hash, ingested_at, batch_id) REPLACE (
        $source AS event_source,
        concat(held_incident.incident_id, '@', held_incident.version + 1, '-involvements') AS event_id,
        NULL::TIMESTAMPTZ AS event_time,
        0::INTEGER AS source_partition,
        coalesce(raw.harmspot_line - 1, held_incident.source_offset) AS source_offset,
        held_incident.version + 1 AS version,
        list_sort(list_concat(
            list_filter(
                held_incident.involvements, lambda role: NOT coalesce(list_contains(gone.roles, role), false)
            ),
            coalesce(added.roles, [])
        )) AS involvements
    )
FROM held_incident
LEFT JOIN added USING (incident_id)
LEFT JOIN gone USING (incident_id)
LEFT JOIN raw ON added.row_number = raw.harmspot_number
WHERE added.incident_id IS NOT NULL OR gone.incident_id IS NOT NULL
ORDER BY held_incident.incident_id
