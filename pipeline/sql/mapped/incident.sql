-- Incidents of an external file, each with the rule (see refusal.sql) that refuses it, or null.
-- Reads temporary tables: placed (the file's values under our names, identified, with lon and lat), a span of zones for
-- each time, offence_word, status_word, discovery_word; and variables: source, rank (of the precision: 0 instant, 1 day,
-- 2 month), discovery, horizon, has_gazetteer.
CREATE OR REPLACE TEMP VIEW mapped AS
WITH translated AS (
    SELECT
        placed.*,
        coalesce(placed.occurred_at_absolute,
            make_timestamptz(epoch_us(placed.occurred_at_local) - 1000000 * happened.offset_s)) AS began_at,
        coalesce(happened.repeats_from <= placed.occurred_at_local, false) AS occurs_twice,
        coalesce(placed.occurred_to_absolute,
            make_timestamptz(epoch_us(placed.occurred_to_local) - 1000000 * ended.offset_s)) AS ended_at,
        coalesce(placed.reported_at_absolute,
            make_timestamptz(epoch_us(placed.reported_at_local) - 1000000 * told.offset_s)) AS reported_at,
        CASE WHEN is_blank(placed.status) THEN 'recorded' ELSE status_word.meaning END AS stated_status,
        offence_word.offence_code,
        offence_word.fault AS offence_fault,
        CASE
            WHEN placed.discovery IS NULL OR discovery_word.meaning IS NOT NULL THEN false
            ELSE NOT is_blank(placed.discovery)
        END AS is_unknown_discovery,
        coalesce(discovery_word.meaning, offence_word.discovery, getvariable('discovery')) AS stated_discovery
    FROM placed
    LEFT JOIN occurred_at_span AS happened
        ON year(placed.occurred_at_local) = happened.year
        AND placed.occurred_at_local >= happened.local_from
        AND placed.occurred_at_local < happened.local_to
    LEFT JOIN occurred_to_span AS ended
        ON year(placed.occurred_to_local) = ended.year
        AND placed.occurred_to_local >= ended.local_from
        AND placed.occurred_to_local < ended.local_to
    LEFT JOIN reported_at_span AS told
        ON year(placed.reported_at_local) = told.year
        AND placed.reported_at_local >= told.local_from
        AND placed.reported_at_local < told.local_to
    LEFT JOIN offence_word
        ON placed.offence = offence_word.offence
        AND placed.offence_detail IS NOT DISTINCT FROM offence_word.offence_detail
    LEFT JOIN status_word ON folded(placed.status) = status_word.word
    LEFT JOIN discovery_word ON folded(placed.discovery) = discovery_word.word
),
-- The end of an interval whose end is a day or month is the end of that day or month.
spanned AS (
    SELECT
        *,
        CASE
            WHEN occurred_to_fault IS NOT NULL THEN NULL
            WHEN occurred_to_rank = 1 THEN ended_at + INTERVAL 1 DAY
            WHEN occurred_to_rank = 2 THEN ended_at + INTERVAL 1 MONTH
            ELSE ended_at
        END AS until
    FROM translated
),
-- An interval is placed at its middle (Ratcliffe 2000), as precise as it is short.
dated AS (
    SELECT
        *,
        rule_of_time(reported_at_fault, reported_at, reported_at_local, reported_at_absolute) AS reported_at_rule,
        rule_of_time(updated_at_fault, updated_at, updated_at_local, updated_at_absolute) AS updated_at_rule,
        CASE WHEN until >= began_at THEN began_at + to_microseconds((epoch_us(until) - epoch_us(began_at)) // 2) ELSE began_at
        END AS occurred_at,
        greatest(getvariable('rank'), occurred_at_rank, CASE
            WHEN until IS NULL OR until <= began_at + INTERVAL 1 HOUR THEN 0
            WHEN until <= began_at + INTERVAL 7 DAY THEN 1
            ELSE 2
        END) AS rank
    FROM spanned
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
    CASE rank WHEN 0 THEN 'instant' WHEN 1 THEN 'day' ELSE 'month' END AS occurred_precision,
    occurs_twice AND rank = 0 AND until IS NULL AS is_ambiguous_hour,
    reported_at,
    offence_code,
    stated_discovery AS discovery,
    lon,
    lat,
    area_id,
    is_domestic,
    row_number,
    file,
    getvariable('is_versioned') AS is_version_stated,
    CASE
        WHEN occurred_at_fault IS NOT NULL THEN concat(occurred_at_fault, ':occurred_at')
        WHEN coalesce(occurred_at_local < TIMESTAMP '1901-01-01', occurred_at_absolute < TIMESTAMPTZ '1901-01-01 00:00:00+00')
            THEN 'early_time'
        WHEN began_at > getvariable('horizon')
            OR year(occurred_at_local) > year(getvariable('horizon')::TIMESTAMPTZ)
            THEN 'future_time'
        WHEN began_at IS NULL THEN 'no_zone'
        WHEN occurred_to_fault <> 'no' THEN concat(occurred_to_fault, ':occurred_to')
        WHEN until < began_at OR occurred_to_local < TIMESTAMP '1901-01-01' THEN 'bad_interval'
        WHEN ended_at > getvariable('horizon')
            OR year(occurred_to_local) > year(getvariable('horizon')::TIMESTAMPTZ)
            THEN 'future_end'
        WHEN occurred_to_fault IS NULL AND until IS NULL THEN 'no_end_zone'
        WHEN reported_at_fault <> 'no' THEN concat(reported_at_fault, ':reported_at')
        WHEN reported_at_rule IS NOT NULL THEN concat(reported_at_rule, ':reported_at')
        WHEN updated_at_fault <> 'no' THEN concat(updated_at_fault, ':updated_at')
        WHEN updated_at_rule IS NOT NULL THEN concat(updated_at_rule, ':updated_at')
        WHEN stated_version IS NULL THEN 'bad_version'
        WHEN stated_status IS NULL THEN 'bad_status'
        WHEN is_unknown_discovery THEN 'bad_discovery'
        WHEN is_domestic IS NULL THEN 'bad_domestic'
        WHEN is_x_given <> is_y_given THEN 'half_location'
        WHEN is_x_given AND (x IS NULL OR y IS NULL OR NOT isfinite(x) OR NOT isfinite(y)) THEN getvariable('no_number')
        WHEN is_x_given AND (lon IS NULL OR lon NOT BETWEEN -180 AND 180 OR lat NOT BETWEEN -90 AND 90)
            THEN if(is_degrees AND x BETWEEN -90 AND 90 AND y BETWEEN -180 AND 180, 'swapped', 'off_earth')
        WHEN x = 0 AND y = 0 THEN 'at_zero'
        WHEN lon IS NULL AND area_id IS NULL THEN if(getvariable('has_gazetteer'), 'not_in_gazetteer', 'no_location')
        WHEN offence_fault IS NOT NULL THEN offence_fault
        WHEN offence_code IS NULL THEN 'no_offence'
        WHEN stated_discovery IS NULL THEN 'no_discovery'
        WHEN id IS NULL THEN 'no_id'
        WHEN regexp_matches(concat(id, ' ', area_id), 'p_[0-9a-f]{32}') THEN 'named'
    END AS rule
FROM dated
