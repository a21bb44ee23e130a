-- What becomes of each row of a file: new, newer, older, corrected, repeated, merged, clash (in the file) or conflict
-- (with the store). Reads `arrival` (the file's rows), `held` (the store's versions), loaded_now (the files of this load).

-- name: suspect_key
-- Entities that occur in several rows or in the store already; every other row is new.
CREATE OR REPLACE TEMP TABLE suspect_key AS
SELECT entity_key FROM arrival GROUP BY entity_key HAVING count(*) > 1
UNION
SELECT entity_key FROM arrival SEMI JOIN held USING (entity_key)

-- name: earlier_load
-- Batches that loaded a file of this load before.
CREATE OR REPLACE TEMP TABLE earlier_load AS
SELECT DISTINCT loaded_now.file, loaded_file.batch_id
FROM loaded_now
JOIN store.loaded_file USING (digest)
WHERE loaded_file.kind = $kind

-- name: files_of_letters
-- The same for a replay: the files of its dead letters are those that their batches loaded.
CREATE OR REPLACE TEMP TABLE loaded_now AS
SELECT DISTINCT loaded_file.name AS file, loaded_file.digest
FROM store.loaded_file
JOIN store.dead_letter ON loaded_file.batch_id = dead_letter.batch_id AND loaded_file.name = dead_letter.topic
SEMI JOIN tried ON dead_letter.topic = tried.topic AND dead_letter.payload_hash = tried.payload_hash
WHERE loaded_file.kind = $kind

-- name: outcome
-- `latest` leaves out versions that only added people: those are of another kind of file.
CREATE OR REPLACE TEMP TABLE outcome AS
WITH known AS (
    SELECT held.* FROM held SEMI JOIN suspect_key USING (entity_key)
),
latest AS (
    SELECT entity_key, version, body_hash, weight, event_source, batch_id
    FROM known
    ANTI JOIN (SELECT batch_id FROM store.loaded_file WHERE kind = 'involvements') USING (batch_id)
    QUALIFY row_number() OVER (
        PARTITION BY entity_key ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC
    ) = 1
),
greatest_version AS (
    SELECT entity_key, max(version) AS version FROM known GROUP BY entity_key
),
any_version AS (
    SELECT entity_key, list(body_hash) AS bodies FROM known GROUP BY entity_key
),
same_version AS (
    SELECT entity_key, version, list(body_hash) AS bodies FROM known GROUP BY entity_key, version
),
stored_before AS (
    SELECT DISTINCT entity_key, file FROM known JOIN earlier_load USING (batch_id)
),
filed AS (
    SELECT
        arrival.*,
        min(row_number) OVER (PARTITION BY file) AS file_start,
        min(body_hash) OVER (PARTITION BY entity_key, version, file)
            <> max(body_hash) OVER (PARTITION BY entity_key, version, file) AS differs_in_file,
        min(body_hash) OVER (PARTITION BY entity_key, version)
            <> max(body_hash) OVER (PARTITION BY entity_key, version) AS differs
    FROM arrival
    SEMI JOIN suspect_key USING (entity_key)
),
ranked AS (
    SELECT
        *,
        CASE $same_id
            WHEN 'gravest' THEN false
            WHEN 'later_load_corrects' THEN bool_or(differs_in_file) OVER (PARTITION BY entity_key, version)
            ELSE differs
        END AS is_clash,
        row_number() OVER by_precedence = 1 AS is_first,
        first_value(body_hash) OVER by_precedence AS first_body
    FROM filed
    WINDOW by_precedence AS (
        PARTITION BY entity_key, version
        ORDER BY
            CASE $same_id WHEN 'gravest' THEN weight WHEN 'later_load_corrects' THEN file_start ELSE 0 END DESC,
            row_number
    )
)
SELECT
    ranked.staged_row,
    greatest_version.version AS held_version,
    CASE
        WHEN ranked.is_clash THEN 'clash'
        WHEN NOT ranked.is_first AND ranked.body_hash = ranked.first_body THEN 'repeated'
        WHEN NOT ranked.is_first THEN 'merged'
        WHEN latest.entity_key IS NULL THEN 'new'
        WHEN ranked.body_hash = latest.body_hash AND ranked.version <= latest.version THEN 'repeated'
        WHEN ranked.is_version_stated AND list_contains(same_version.bodies, ranked.body_hash) THEN 'repeated'
        WHEN ranked.is_version_stated AND ranked.version > greatest_version.version THEN 'newer'
        WHEN ranked.is_version_stated AND same_version.bodies IS NULL THEN 'older'
        WHEN own.file IS NOT NULL AND latest.event_source = ranked.event_source THEN 'corrected'
        WHEN stored_before.file IS NOT NULL THEN 'merged'
        WHEN ranked.file IN (SELECT file FROM earlier_load) AND list_contains(any_version.bodies, ranked.body_hash)
            THEN 'repeated'
        WHEN $same_id = 'later_load_corrects' THEN 'corrected'
        WHEN $same_id = 'gravest' AND ranked.weight >= latest.weight THEN 'corrected'
        WHEN $same_id = 'gravest' THEN 'merged'
        ELSE 'conflict'
    END AS became
FROM ranked
LEFT JOIN latest USING (entity_key)
LEFT JOIN greatest_version USING (entity_key)
LEFT JOIN any_version USING (entity_key)
LEFT JOIN same_version ON ranked.entity_key = same_version.entity_key AND ranked.version = same_version.version
LEFT JOIN stored_before ON ranked.entity_key = stored_before.entity_key AND ranked.file = stored_before.file
LEFT JOIN earlier_load AS own ON ranked.file = own.file AND latest.batch_id = own.batch_id

-- name: counts
SELECT became, count(*) AS rows_n
FROM (SELECT coalesce(outcome.became, 'new') AS became FROM staged LEFT JOIN outcome ON staged.rowid = outcome.staged_row)
GROUP BY became
ORDER BY became

-- name: mark_clashes
-- Rows that wait as dead letters, because the mapping does not say what their equal ids mean (see refusal.sql).
UPDATE staged
SET rule = outcome.became
FROM outcome
WHERE staged.rowid = outcome.staged_row AND outcome.became IN ('clash', 'conflict')

-- name: settled
-- The rows that are stored. A correction whose source states no newer version gets the number after the greatest held.
CREATE OR REPLACE TEMP TABLE settled AS
SELECT staged.* REPLACE (
    CASE WHEN outcome.became = 'corrected' THEN outcome.held_version + 1 ELSE staged.version END AS version,
    CASE
        WHEN outcome.became = 'corrected' THEN concat(staged.event_id, '@', outcome.held_version + 1)
        ELSE staged.event_id
    END AS event_id
)
FROM staged
LEFT JOIN outcome ON staged.rowid = outcome.staged_row
WHERE coalesce(outcome.became, 'new') NOT IN ('repeated', 'merged', 'clash', 'conflict')
ORDER BY staged.row_number

-- name: with_people
-- A file of incidents says nothing about people: a new version keeps those of the greatest version held.
SELECT settled.*, known.involvements
FROM settled
LEFT JOIN (
    SELECT incident_id, involvements
    FROM store.incident_version
    SEMI JOIN suspect_key ON incident_version.incident_id = suspect_key.entity_key
    QUALIFY row_number() OVER (
        PARTITION BY incident_id ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC
    ) = 1
) AS known USING (incident_id)
ORDER BY settled.row_number

-- name: present_id
-- Incidents that the files of this load give, for files that were loaded before.
CREATE OR REPLACE TEMP TABLE present_id AS
SELECT DISTINCT incident_id
FROM mapped
WHERE rule IS NULL AND EXISTS (FROM earlier_load)

-- name: remember
INSERT INTO store.loaded_file
SELECT $batch_id, file, digest, $kind
FROM loaded_now
ORDER BY file, digest

-- name: gone
-- Incidents that the same files gave before and no longer give, each with the number of its next version.
CREATE OR REPLACE TEMP TABLE gone AS
WITH replaced_load AS (
    SELECT batch_id
    FROM store.loaded_file
    SEMI JOIN earlier_load USING (batch_id)
    GROUP BY batch_id
    HAVING bool_and(digest IN (SELECT digest FROM loaded_now))
)
SELECT latest.*
FROM (
    SELECT *
    FROM store.incident_version
    WHERE incident_id IN (SELECT incident_id FROM store.incident_version SEMI JOIN replaced_load USING (batch_id))
    QUALIFY row_number() OVER (
        PARTITION BY incident_id ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC
    ) = 1
) AS latest
ANTI JOIN present_id USING (incident_id)
WHERE latest.status <> 'cancelled'
    AND latest.event_source = $source
    AND (latest.batch_id IN (SELECT batch_id FROM replaced_load)
        OR latest.batch_id IN (SELECT batch_id FROM store.loaded_file WHERE kind = 'involvements'))

-- name: cancelled
SELECT * EXCLUDE (content_hash, ingested_at, batch_id) REPLACE (
    version + 1 AS version, 'cancelled' AS status, concat(incident_id, '@', version + 1) AS event_id,
    NULL::TIMESTAMPTZ AS event_time
)
FROM gone
ORDER BY incident_id

-- name: last_files
SELECT DISTINCT name
FROM store.loaded_file
WHERE batch_id = (SELECT max(batch_id) FROM store.loaded_file)
ORDER BY name

-- name: last_points
SELECT lon, lat, count(*) AS incidents
FROM store.incident_version
WHERE batch_id = (SELECT max(batch_id) FROM store.loaded_file) AND lon IS NOT NULL AND status <> 'cancelled'
GROUP BY lon, lat
ORDER BY lon, lat
