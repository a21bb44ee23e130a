-- Incidents of an external file, each with the rule (see refusal.sql) that refuses it, or null.
-- Reads temporary tables: located (the file's columns under our names, identified, with lon and lat), zone_span,
-- offence_word, status_word, discovery_word; and variables: source, precision, discovery, horizon.
CREATE OR REPLACE TEMP VIEW mapped AS
WITH translated AS (
    SELECT
        located.*,
        coalesce(located.occurred_at_absolute,
            make_timestamptz(epoch_us(located.occurred_at_local) - 1000000 * happened.offset_s)) AS occurred_at,
        coalesce(happened.repeats_from <= located.occurred_at_local, false) AS occurs_twice,
        coalesce(located.reported_at_absolute,
            make_timestamptz(epoch_us(located.reported_at_local) - 1000000 * told.offset_s)) AS reported_at,
        CASE WHEN located.status IS NULL THEN 'recorded' ELSE status_word.meaning END AS stated_status,
        offence_word.offence_code,
        coalesce(discovery_word.meaning, offence_word.discovery, getvariable('discovery')) AS stated_discovery
    FROM located
    LEFT JOIN zone_span AS happened
        ON year(located.occurred_at_local) = happened.year
        AND located.occurred_at_local >= happened.local_from
        AND located.occurred_at_local < happened.local_to
    LEFT JOIN zone_span AS told
        ON year(located.reported_at_local) = told.year
        AND located.reported_at_local >= told.local_from
        AND located.reported_at_local < told.local_to
    LEFT JOIN offence_word
        ON located.offence = offence_word.offence
        AND located.offence_detail IS NOT DISTINCT FROM offence_word.offence_detail
    LEFT JOIN status_word ON located.status = status_word.word
    LEFT JOIN discovery_word ON located.discovery = discovery_word.word
)
SELECT
    getvariable('source') AS event_source,
    event_id,
    NULL::TIMESTAMPTZ AS event_time,
    0::INTEGER AS source_partition,
    line - 1 AS source_offset,
    id AS incident_id,
    stated_version AS version,
    stated_status AS status,
    occurred_at,
    getvariable('precision') AS occurred_precision,
    occurs_twice AND getvariable('precision') = 'instant' AS is_ambiguous_hour,
    reported_at,
    offence_code,
    stated_discovery AS discovery,
    lon,
    lat,
    area_id,
    is_domestic,
    row_number,
    file,
    is_updated_at_given OR is_version_given AS is_version_stated,
    CASE
        WHEN NOT is_occurred_at_given THEN 'no_time'
        WHEN occurred_at_local IS NULL AND occurred_at_absolute IS NULL THEN 'bad_time'
        WHEN coalesce(occurred_at_local < TIMESTAMP '1901-01-01', occurred_at < TIMESTAMPTZ '1901-01-01 00:00:00+00')
            THEN 'early_time'
        WHEN occurred_at > getvariable('horizon')
            OR year(occurred_at_local) > year(getvariable('horizon')::TIMESTAMPTZ)
            THEN 'future_time'
        WHEN occurred_at IS NULL THEN 'no_zone'
        WHEN is_reported_at_given AND reported_at IS NULL THEN 'bad_reported'
        WHEN stated_version IS NULL THEN 'bad_version'
        WHEN stated_status IS NULL THEN 'bad_status'
        WHEN is_x_given <> is_y_given THEN 'half_location'
        WHEN is_x_given AND (x IS NULL OR y IS NULL OR NOT isfinite(x) OR NOT isfinite(y)) THEN 'no_number'
        WHEN is_x_given AND (lon IS NULL OR lon NOT BETWEEN -180 AND 180 OR lat NOT BETWEEN -90 AND 90) THEN 'off_earth'
        WHEN x = 0 AND y = 0 THEN 'at_zero'
        WHEN NOT is_x_given AND area_id IS NULL THEN 'no_location'
        WHEN offence IS NULL THEN 'no_offence'
        WHEN offence_code IS NULL THEN 'unknown_offence'
        WHEN stated_discovery IS NULL THEN 'no_discovery'
        WHEN id IS NULL THEN 'no_id'
        WHEN regexp_matches(concat(id, ' ', area_id), 'p_[0-9a-f]{32}') THEN 'named'
    END AS rule
FROM translated
