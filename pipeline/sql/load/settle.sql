-- What becomes of each row of a file: new, newer, older, corrected, repeated, merged, clash (in the file) or conflict
-- (with the store). Reads views `arrival` (the file's rows that meet others) and `held` (the store's versions), and
-- earlier_load.

-- name: earlier_load
-- Batches that loaded the same file through the same mapping before.
CREATE OR REPLACE TEMP TABLE earlier_load AS
SELECT batch_id
FROM store.loaded_file
WHERE digest = $digest AND kind = $kind AND mapping = $mapping

-- name: remember
INSERT INTO store.loaded_file VALUES ($batch_id, $name, $digest, $kind, $mapping)

-- name: suspect_key
-- Entities that occur in several rows or in the store already; every other row is new.
CREATE OR REPLACE TEMP TABLE suspect_key AS
SELECT entity_key FROM arrival_key GROUP BY entity_key HAVING count(*) > 1
UNION
SELECT entity_key FROM arrival_key SEMI JOIN held USING (entity_key)

-- name: suspect_row
-- Their rows: the contents of the many others need no look.
INSERT INTO suspect_row
SELECT arrival_key.staged_row, staged.*
FROM staged
JOIN arrival_key ON staged.rowid = arrival_key.staged_row
SEMI JOIN suspect_key USING (entity_key)

-- name: outcome
-- Versions that only added people (from a file of involvements) decide nothing, but their numbers are taken.
CREATE OR REPLACE TEMP TABLE outcome AS
WITH known AS (
    SELECT held.*, batch_id IN (SELECT batch_id FROM store.loaded_file WHERE kind = 'involvements') AS is_of_people
    FROM held
    SEMI JOIN suspect_key USING (entity_key)
),
latest AS (
    SELECT entity_key, version, body_hash, weight, batch_id IN (SELECT batch_id FROM earlier_load) AS is_own
    FROM known
    WHERE NOT is_of_people
    QUALIFY row_number() OVER (
        PARTITION BY entity_key ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC
    ) = 1
),
entity AS (
    SELECT
        entity_key,
        max(version) AS taken,
        max(version) FILTER (NOT is_of_people) AS version,
        list(body_hash) FILTER (NOT is_of_people) AS bodies,
        bool_or(batch_id IN (SELECT batch_id FROM earlier_load)) AS is_stored_before
    FROM known
    GROUP BY entity_key
),
same_version AS (
    SELECT entity_key, version, list(body_hash) AS bodies
    FROM known
    WHERE NOT is_of_people
    GROUP BY entity_key, version
),
ranked AS (
    SELECT
        arrival.*,
        $same_id <> 'gravest'
            AND min(body_hash) OVER same_number <> max(body_hash) OVER same_number AS is_clash,
        row_number() OVER by_precedence = 1 AS is_first,
        first_value(body_hash) OVER by_precedence AS first_body,
        arrival.version = max(arrival.version) OVER (PARTITION BY entity_key) AS is_top
    FROM arrival
    WINDOW
        same_number AS (PARTITION BY entity_key, version),
        by_precedence AS (
            PARTITION BY entity_key, version
            ORDER BY CASE $same_id WHEN 'gravest' THEN weight ELSE 0 END DESC, row_number
        )
),
decided AS (
    SELECT
        ranked.*,
        entity.taken,
        CASE
            WHEN is_clash THEN 'clash'
            WHEN NOT is_first AND ranked.body_hash = first_body THEN 'repeated'
            WHEN NOT is_first THEN 'merged'
            WHEN latest.entity_key IS NULL THEN 'new'
            WHEN ranked.body_hash = latest.body_hash AND (NOT is_version_stated OR ranked.version <= latest.version)
                THEN 'repeated'
            WHEN is_version_stated AND list_contains(same_version.bodies, ranked.body_hash) THEN 'repeated'
            WHEN is_version_stated AND ranked.version > entity.version THEN 'newer'
            WHEN latest.is_own AND is_top THEN 'corrected'
            WHEN is_version_stated AND same_version.bodies IS NULL THEN 'older'
            WHEN is_stored_before THEN 'merged'
            WHEN EXISTS (FROM earlier_load) AND list_contains(entity.bodies, ranked.body_hash) THEN 'repeated'
            WHEN $same_id = 'later_load_corrects' THEN 'corrected'
            WHEN $same_id = 'gravest' AND ranked.weight >= latest.weight THEN 'corrected'
            WHEN $same_id = 'gravest' THEN 'merged'
            ELSE 'conflict'
        END AS became
    FROM ranked
    LEFT JOIN latest USING (entity_key)
    LEFT JOIN entity USING (entity_key)
    LEFT JOIN same_version ON ranked.entity_key = same_version.entity_key AND ranked.version = same_version.version
)
-- A correction whose source states no newer version gets the number after the greatest one taken; newer versions move
-- up together where a number is taken.
SELECT
    staged_row,
    became,
    CASE became
        WHEN 'corrected' THEN taken + 1
        WHEN 'newer' THEN version + greatest(
            0, taken + 1 - min(CASE WHEN became = 'newer' THEN version END) OVER (PARTITION BY entity_key)
        )
        ELSE version
    END AS number
FROM decided

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
-- The rows that meet others and are stored.
CREATE OR REPLACE TEMP TABLE settled AS
SELECT staged.* REPLACE (
    outcome.number AS version,
    CASE
        WHEN outcome.number <> staged.version THEN concat(staged.event_id, '@', outcome.number)
        ELSE staged.event_id
    END AS event_id
)
FROM staged
JOIN outcome ON staged.rowid = outcome.staged_row
WHERE outcome.became NOT IN ('repeated', 'merged', 'clash', 'conflict')

-- name: plain
-- The rows that meet no other stay in `staged`: they are stored as they are.
DELETE FROM staged WHERE rowid IN (SELECT staged_row FROM suspect_row)

-- name: present_key
-- Entities that the file gives now.
CREATE OR REPLACE TEMP TABLE present_key AS
SELECT DISTINCT entity_key FROM arrival_key

-- name: gone_key
-- Entities that the same file gave before and no longer gives, and that nothing else has changed since.
CREATE OR REPLACE TEMP TABLE gone_key AS
SELECT entity_key
FROM (
    SELECT entity_key, batch_id
    FROM held
    WHERE entity_key IN (SELECT entity_key FROM held SEMI JOIN earlier_load USING (batch_id))
        AND batch_id NOT IN (SELECT batch_id FROM store.loaded_file WHERE kind = 'involvements')
    QUALIFY row_number() OVER (
        PARTITION BY entity_key ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC
    ) = 1
)
SEMI JOIN earlier_load USING (batch_id)
ANTI JOIN present_key USING (entity_key)

-- name: staged_places
-- Distinct places of the incidents that a file gives, before any of them is stored.
SELECT lon, lat, area_id, count(*) AS incidents
FROM staged
WHERE rule IS NULL
GROUP BY lon, lat, area_id
ORDER BY lon, lat, area_id

-- name: last_points
-- Distinct points of the batches after $batch_id.
SELECT lon, lat, count(*) AS incidents
FROM store.incident_version
WHERE batch_id > $batch_id AND lon IS NOT NULL AND status <> 'cancelled'
GROUP BY lon, lat
ORDER BY lon, lat

-- name: last_letters
-- Waiting dead letters of the files of the batches after $batch_id, also from earlier loads of them.
WITH loaded AS (
    SELECT digest, kind, mapping FROM store.loaded_file WHERE batch_id > $batch_id
),
batch AS (
    SELECT batch_id FROM store.loaded_file SEMI JOIN loaded USING (digest, kind, mapping)
    UNION
    SELECT batch_id FROM store.ingest_batch WHERE batch_id > $batch_id
)
SELECT batch_id, ingested_at, topic, source_partition, source_offset, reason, detail, mapping, about, value
FROM store.dead_letter
SEMI JOIN batch USING (batch_id)
WHERE resolved_at IS NULL
ORDER BY batch_id, topic, source_partition, source_offset, payload_hash
