-- An external file as tables: its rows, their ids and their places.

-- name: derived_id
-- Ids for rows without one: a hash of the row's content and its ordinal among the rows of its file with the same
-- content, so that the same file always gives the same ids. Reads `unidentified` (row_number, file, content).
CREATE OR REPLACE TEMP TABLE derived_id AS
SELECT
    row_number,
    concat('row-', md5(content), '-', row_number() OVER (PARTITION BY file, content ORDER BY row_number)) AS incident_id
FROM unidentified

-- name: each_id
-- Ids where equal ids are incidents of their own (same_id: each): the id, the offence, and an ordinal among equal ones.
CREATE OR REPLACE TEMP TABLE derived_id AS
SELECT
    row_number,
    concat_ws('-', id, offence, offence_detail, CASE WHEN copy > 1 THEN copy END) AS incident_id
FROM (
    SELECT
        extract.row_number,
        coalesce(extract.incident_id, derived_id.incident_id) AS id,
        offence,
        offence_detail,
        row_number() OVER (PARTITION BY id, offence, offence_detail ORDER BY extract.row_number) AS copy
    FROM extract
    LEFT JOIN derived_id ON extract.row_number = derived_id.row_number
)
WHERE id IS NOT NULL

-- name: identified
-- Rows of the file with their identifiers: incident, version, event. Reads `extract` and derived_id.
CREATE OR REPLACE TEMP VIEW identified AS
SELECT
    extract.*,
    coalesce(extract.harmspot_incident_id, derived_id.incident_id, extract.incident_id) AS id,
    CASE
        WHEN is_updated_at_given THEN epoch(coalesce(
            timezone('UTC', updated_at_absolute), updated_at_local))::BIGINT
        WHEN is_version_given THEN version
        ELSE 1
    END AS stated_version,
    CASE WHEN is_updated_at_given OR is_version_given THEN concat(id, '@', stated_version) ELSE id END AS event_id
FROM extract
LEFT JOIN derived_id ON extract.row_number = derived_id.row_number

-- name: distinct_point
-- Distinct points are far fewer than rows, so only they are transformed.
SELECT DISTINCT x, y
FROM extract
WHERE isfinite(x) AND isfinite(y)
ORDER BY x, y

-- name: located_by_point
-- The file's coordinates in degrees of WGS84, transformed per distinct point; null if they are not on Earth.
CREATE OR REPLACE TEMP VIEW located AS
SELECT identified.*, point_wgs84.lon, point_wgs84.lat
FROM identified
LEFT JOIN point_wgs84 USING (x, y)

-- name: located_in_degrees
-- The file's coordinates are degrees of WGS84 already.
CREATE OR REPLACE TEMP VIEW located AS
SELECT *, x AS lon, y AS lat
FROM identified

-- name: identity_hash
-- Hashes to find rows of the file that may repeat an event or a version. A table, because DuckDB fills a table on all
-- threads but returns a result on one.
CREATE OR REPLACE TEMP TABLE identity_hash AS
SELECT hash(event_id) AS event_hash, hash(id, stated_version) AS version_hash
FROM identified

-- name: is_held
-- Whether the store already holds an incident or an event of the file, with any content.
SELECT
    EXISTS (
        SELECT 1 FROM identified
        SEMI JOIN store.incident_version AS held ON identified.id = held.incident_id
    )
    OR EXISTS (
        SELECT 1 FROM identified
        SEMI JOIN store.incident_version AS held
            ON identified.event_id = held.event_id AND held.event_source = getvariable('source')
    )

-- name: readable
-- Incidents of the file that no rule refuses.
SELECT occurred_at, offence_code AS offence, lon, lat
FROM mapped
WHERE rule IS NULL
ORDER BY ALL
