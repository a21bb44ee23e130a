-- An external file as tables: its rows, their ids and their places.

-- name: told_times
-- What the times of each file tell about how they are written: days and months that can only be one of both at the
-- beginning of dates such as 06/15/2023, and whether some are digits as epochs are. Reads `given_time` (file, ours, given,
-- is_free).
SELECT
    file,
    ours,
    count(*) FILTER (TRY_CAST(begins.a AS INTEGER) > 12 AND TRY_CAST(begins.b AS INTEGER) <= 12) AS days_first,
    count(*) FILTER (TRY_CAST(begins.b AS INTEGER) > 12 AND TRY_CAST(begins.a AS INTEGER) <= 12) AS months_first,
    bool_or(NOT contains(given, '/') AND is_epoch(given)) AS has_epochs
FROM (
    SELECT *, CASE WHEN is_free THEN regexp_extract(given, '^\s*(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}', ['a', 'b']) END AS begins
    FROM given_time
    WHERE given NOT LIKE '____-%'
)
GROUP BY file, ours
HAVING days_first + months_first > 0 OR has_epochs
ORDER BY file, ours

-- name: epoch_column
-- Times of a file that are epochs: most of their texts have as many digits as one, none fits the format that the mapping
-- states, and most of those with ten digits are no date without marks, as 1306151030 is. Reads `given_time` (file, ours,
-- given, is_stated).
CREATE OR REPLACE TEMP TABLE epoch_column AS
SELECT file, ours
FROM (
    SELECT
        *,
        is_epoch(given) AS is_epoch,
        is_epoch AND strlen(trimmed(split_part(given, '.', 1))) = 10 AS is_short,
        is_short AND try_strptime(
            trimmed(split_part(given, '.', 1)), ['%y%m%d%H%M', '%m%d%y%H%M', '%d%m%y%H%M', '%Y%m%d%H']
        ) IS NOT NULL AS is_date
    FROM given_time
    WHERE NOT is_blank_value(given)
)
GROUP BY file, ours
HAVING 2 * count_if(is_epoch) > count(*)
    AND count_if(is_stated) = 0
    AND (count_if(is_short) = 0 OR 2 * count_if(is_date) < count_if(is_short))
ORDER BY file, ours

-- name: no_epoch_column
CREATE OR REPLACE TEMP TABLE epoch_column (file VARCHAR, ours VARCHAR)

-- name: derived_id
-- Ids for rows without one: a hash of the row's content and its ordinal among the rows of its file with the same
-- content, so that the same file always gives the same ids. Reads `unidentified` (row_number, file, content).
CREATE OR REPLACE TEMP TABLE derived_id AS
SELECT
    row_number,
    concat('row-', md5(content), '-', row_number() OVER (PARTITION BY file, content ORDER BY row_number)) AS incident_id
FROM unidentified

-- name: each_id
-- Ids where equal ids are incidents of their own (same_id: each): the id, the offence, and an ordinal among
-- equal ones of the same file.
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
        row_number() OVER (
            PARTITION BY extract.file, id, offence, offence_detail ORDER BY extract.row_number
        ) AS copy
    FROM extract
    LEFT JOIN derived_id ON extract.row_number = derived_id.row_number
)
WHERE id IS NOT NULL

-- name: identified
-- Rows of the file with their identifiers: incident, version, event. Reads `extract`, derived_id and updated_at_span.
CREATE OR REPLACE TEMP VIEW identified AS
SELECT
    extract.*,
    kept_id(coalesce(extract.harmspot_incident_id, derived_id.incident_id, extract.incident_id)) AS id,
    updated_at_fault IS DISTINCT FROM 'no' AS is_updated_at_given,
    coalesce(updated_at_absolute,
        make_timestamptz(epoch_us(updated_at_local) - 1000000 * updated_at_span.offset_s)) AS updated_at,
    CASE
        WHEN is_updated_at_given THEN epoch(updated_at)::BIGINT
        WHEN is_version_given THEN version
        ELSE 1
    END AS stated_version,
    CASE WHEN is_updated_at_given OR is_version_given THEN concat(id, '@', stated_version) ELSE id END AS event_id
FROM extract
LEFT JOIN derived_id ON extract.row_number = derived_id.row_number
LEFT JOIN updated_at_span
    ON year(updated_at_local) = updated_at_span.year
    AND updated_at_local >= updated_at_span.local_from
    AND updated_at_local < updated_at_span.local_to

-- name: distinct_point
-- Distinct points are far fewer than rows, so only they are transformed.
SELECT DISTINCT x, y
FROM extract
WHERE isfinite(x) AND isfinite(y)
ORDER BY x, y

-- name: waiting_systems
-- Coordinate systems of the files of waiting rows.
SELECT DISTINCT coalesce(harmspot_crs, 'EPSG:4326') AS crs
FROM raw
ORDER BY crs

-- name: distinct_point_by_crs
SELECT DISTINCT row_crs, x, y
FROM extract
WHERE isfinite(x) AND isfinite(y)
ORDER BY row_crs, x, y

-- name: located_by_point_and_crs
-- The same for waiting rows of files in several coordinate systems.
CREATE OR REPLACE TEMP VIEW located AS
SELECT identified.*, point_wgs84.lon, point_wgs84.lat
FROM identified
LEFT JOIN point_wgs84 USING (row_crs, x, y)

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

-- name: place_point
-- Points of the texts of places in the file; null where the gazetteer has none. Reads `extract` and gazetteer_place.
CREATE OR REPLACE TEMP TABLE place_point AS
SELECT place.place, gazetteer_place.lon AS place_lon, gazetteer_place.lat AS place_lat
FROM (SELECT DISTINCT place FROM extract WHERE place IS NOT NULL) AS place
LEFT JOIN gazetteer_place ON folded_place(place.place) = gazetteer_place.key

-- name: placed
-- The file's points, for rows without one those of the gazetteer.
CREATE OR REPLACE TEMP VIEW placed AS
SELECT
    located.* REPLACE (
        if(is_x_given OR is_y_given, lon, place_lon) AS lon,
        if(is_x_given OR is_y_given, lat, place_lat) AS lat
    ),
    place_lon IS NOT NULL AS is_placed
FROM located
LEFT JOIN place_point USING (place)

-- name: not_placed
-- All rows where there is no gazetteer.
CREATE OR REPLACE TEMP VIEW placed AS
SELECT *, false AS is_placed
FROM located

-- name: gazetteer_rate
-- Rows without a point of their own, those of them that the gazetteer places, and those that it does not know.
SELECT
    count(*) AS asked,
    count(*) FILTER (is_placed) AS placed,
    count(*) FILTER (NOT is_placed) AS unknown
FROM placed
WHERE NOT is_x_given AND NOT is_y_given

-- name: has_odd_ids
-- Whether the store, into which the file has gone, holds an id with leading zeros or `.0`.
SELECT EXISTS (
    SELECT 1
    FROM store.incident_version
    WHERE (incident_id LIKE '0%' OR contains(incident_id, '.'))
        AND regexp_full_match(incident_id, '0\d+(?:\.0*)?|\d+\.0*')
)

-- name: twins
-- Ids of the file that differ from another of the file or of the store only in leading zeros or `.0`.
WITH odd AS (
    SELECT DISTINCT id
    FROM identified
    WHERE (id LIKE '0%' OR contains(id, '.')) AND regexp_full_match(id, '0\d+(?:\.0*)?|\d+\.0*')
),
stored_odd AS (
    SELECT DISTINCT incident_id AS id
    FROM store.incident_version
    WHERE (incident_id LIKE '0%' OR contains(incident_id, '.'))
        AND regexp_full_match(incident_id, '0\d+(?:\.0*)?|\d+\.0*')
),
pair AS (
    SELECT odd.id, identified.id AS other
    FROM odd
    JOIN identified ON whole_number(odd.id) = whole_number(identified.id)
    UNION
    SELECT odd.id, held.incident_id
    FROM odd
    JOIN store.incident_version AS held ON whole_number(odd.id) = whole_number(held.incident_id)
    UNION
    SELECT identified.id, stored_odd.id
    FROM identified
    JOIN stored_odd ON whole_number(identified.id) = whole_number(stored_odd.id)
)
SELECT count(DISTINCT id) AS twins
FROM pair
WHERE id <> other

-- name: readable
-- Incidents of the file that no rule refuses.
SELECT occurred_at, offence_code AS offence, lon, lat
FROM mapped
WHERE rule IS NULL
ORDER BY ALL

-- name: no_refused_number
CREATE OR REPLACE TEMP TABLE refused_number (row_number BIGINT);

-- name: biased_loss
-- What refused rows have in common: an offence, a month, an area or letters of which at least half of the rows are
-- refused, and twice the share of all other rows. What more than half of the rows have says nothing.
WITH told AS (
    SELECT
        refused_number.row_number IS NOT NULL AS is_refused,
        offence,
        area_id AS area,
        strftime(coalesce(occurred_at_local, timezone('UTC', occurred_at_absolute)), '%Y-%m') AS month,
        CASE
            WHEN regexp_matches(concat(offence, offence_detail, area_id), '[^\x00-\x7F]') THEN 'other than A to Z'
        END AS letters
    FROM extract
    LEFT JOIN refused_number USING (row_number)
),
trait AS (
    SELECT 'offence' AS trait, offence AS value, count(*) AS all_rows, count_if(is_refused) AS refused FROM told GROUP BY ALL
    UNION ALL
    SELECT 'area', area, count(*), count_if(is_refused) FROM told GROUP BY ALL
    UNION ALL
    SELECT 'month', month, count(*), count_if(is_refused) FROM told GROUP BY ALL
    UNION ALL
    SELECT 'letters', letters, count(*), count_if(is_refused) FROM told GROUP BY ALL
),
overall AS (
    SELECT count(*) AS all_rows, count_if(is_refused) AS refused FROM told
)
SELECT trait.trait, trait.value, trait.all_rows, trait.refused
FROM trait
CROSS JOIN overall
WHERE trait.value IS NOT NULL
    AND trait.refused >= $least
    AND 2 * trait.refused >= trait.all_rows
    AND trait.refused * (overall.all_rows - trait.all_rows) >= 2 * (overall.refused - trait.refused) * trait.all_rows
    AND 2 * trait.all_rows <= overall.all_rows
ORDER BY trait.refused DESC, trait.trait, trait.value
