-- How texts of a file are read. A text that fits no known shape is never cast: a cast drops what it does not know, such
-- as the offset of `2023-06-15 03:30:00+00`. Reads variables: blank_characters, blank_words, zone_words.

-- The id that is kept for a source's own; `short_id` where the mapping says that theirs may hold the id of a person.
CREATE OR REPLACE TEMP MACRO kept_id(id) AS id;

-- A text without blanks of any kind at its ends.
CREATE OR REPLACE TEMP MACRO trimmed(given) AS trim(given, getvariable('blank_characters'));

-- Whether a text is null, empty or a word for nothing, such as `<Null>`.
CREATE OR REPLACE TEMP MACRO is_blank(given) AS
    coalesce(list_contains(getvariable('blank_words'), upper(trimmed(given))), true);

-- The same where text is a number or a time: `NA`, as R writes it, is an area or an id in other columns.
CREATE OR REPLACE TEMP MACRO is_blank_value(given) AS is_blank(given) OR upper(trimmed(given)) = 'NA';

-- A text, or null for a word for nothing. The first branch is for speed: no word for nothing looks like it.
CREATE OR REPLACE TEMP MACRO text_of(given) AS CASE
    WHEN getvariable('is_plain_text') AND regexp_full_match(given, '[!-~](?:[ -~]*[0-9]|[ -~]{8,}[!-~])|[0-9]') THEN given
    WHEN NOT is_blank(given) THEN trimmed(given)
END;

-- A word as words are compared: Unicode's composed form, one case, single blanks.
CREATE OR REPLACE TEMP MACRO folded(given) AS
    trimmed(regexp_replace(lower(nfc_normalize(given)), '[\s\pZ\x{feff}\x{200b}]+', ' ', 'g'));

-- The text of a place as places are compared: letters and digits in one case, single blanks.
CREATE OR REPLACE TEMP MACRO folded_place(given) AS
    nullif(trim(regexp_replace(lower(nfc_normalize(given)), '[^\pL\pM\pN]+', ' ', 'g')), '');

-- The text of a whole number without leading zeros and `.0`; any other text unchanged.
CREATE OR REPLACE TEMP MACRO whole_number(given) AS
    CASE WHEN regexp_full_match(given, '\d+(?:\.0*)?') THEN regexp_extract(given, '^0*(\d+?)(?:\.0*)?$', 1) ELSE given END;

-- A number; null for a text that is none. Blanks may set off groups of three digits.
CREATE OR REPLACE TEMP MACRO number_of(given) AS CASE
    WHEN isfinite(TRY_CAST(given AS DOUBLE)) AND NOT contains(given, '_') THEN TRY_CAST(given AS DOUBLE)
    WHEN regexp_full_match(trimmed(given), '[+-]?\d{1,3}(?:[\s\pZ]\d{3})+(?:\.\d*)?|[+-]?\d+(?:\.\d*)?')
        THEN TRY_CAST(regexp_replace(given, '[\s\pZ\x{200b}\x{feff}]+', '', 'g') AS DOUBLE)
END;

-- A number whose decimal mark is `point` and whose groups of three digits are set off by `group_mark`, as regular
-- expressions; null for any other text.
CREATE OR REPLACE TEMP MACRO marked_number_of(given, point, group_mark) AS CASE
    WHEN regexp_full_match(
        trimmed(given),
        concat('[+-]?(?:\d+|\d{1,3}(?:', group_mark, '\d{3})+)?(?:', point, '\d*)?(?:[eE][+-]?\d{1,3})?')
    )
        THEN TRY_CAST(regexp_replace(regexp_replace(trimmed(given), group_mark, '', 'g'), point, '.') AS DOUBLE)
END;

-- A whole number such as a version, of 15 digits at most so that a later one can follow; null for any other text.
CREATE OR REPLACE TEMP MACRO integer_of(given) AS
    CASE WHEN regexp_full_match(given, '\s*[+-]?0*\d{1,15}(?:\.0*)?\s*') THEN TRY_CAST(split_part(given, '.', 1) AS BIGINT) END;

-- The two numbers of a point in one column: a, b; empty if it is none. Longitude first in `POINT (lon lat)` and GeoJSON.
CREATE OR REPLACE TEMP MACRO lon_lat_of(given) AS regexp_extract(
    given,
    concat(
        '(?is)^\s*(?:SRID=', getvariable('srid'), '\s*;\s*)?POINT\s*(?:ZM|Z|M)?\s*\(\s*([-+.\de]+)\s+([-+.\de]+)(?:\s+[-+.\de]+){0,2}\s*\)\s*$',
        '|^\s*\{(?:.*["'']type["'']\s*:\s*["'']Point["''].*)?["'']coordinates["'']\s*:\s*\[\s*([-+.\de]+)\s*,\s*([-+.\de]+)(?:\s*,[^\]]*)?\].*\}\s*$'
    ),
    ['a', 'b', 'c', 'd']
);

-- Latitude first in `(lat, lon)`, perhaps below an address.
CREATE OR REPLACE TEMP MACRO lat_lon_of(given) AS
    regexp_extract(given, '(?s)^(?:.*\n)?\s*\(\s*([-+.\d]+)\s*[,;]\s*([-+.\d]+)\s*\)\s*$', ['a', 'b']);

-- A number beside a key, as in `{"latitude": "39.95", "longitude": "-75.16"}`.
CREATE OR REPLACE TEMP MACRO keyed_number(given, key) AS regexp_extract(
    given, concat('(?is)^\s*\{.*["'']', key, '["'']\s*:\s*["'']?([-+.\de]+)["'']?\s*[,}].*$'), 1
);

-- Seconds of hours, hours and minutes, or hours, minutes and seconds in digits.
CREATE OR REPLACE TEMP MACRO seconds_of(digits) AS CASE
    WHEN strlen(digits) <= 2 THEN 3600 * TRY_CAST(digits AS INTEGER)
    WHEN strlen(digits) <= 4 THEN 3600 * (TRY_CAST(digits AS INTEGER) // 100) + 60 * (TRY_CAST(digits AS INTEGER) % 100)
    ELSE 3600 * (TRY_CAST(digits AS INTEGER) // 10000) + 60 * (TRY_CAST(digits AS INTEGER) // 100 % 100)
END;

-- Seconds by which a zone is ahead of UTC; null for a word that is unknown. Abbreviations are those of the mapping's
-- time_zone alone, because CST and IST are several zones.
CREATE OR REPLACE TEMP MACRO zone_offset(zone) AS CASE
    WHEN regexp_full_match(zone, '(?i)[(\[]?(?:Z|UTC|GMT|UT)[)\]]?') THEN 0
    WHEN regexp_full_match(zone, '(?i)(?:UTC|GMT)?[+−-](?:0?\d|1[0-4])(?::?[0-5]\d(?::?00)?)?')
        THEN if(contains(zone, '+'), 1, -1)::BIGINT * seconds_of(regexp_replace(zone, '\D', '', 'g'))
    ELSE getvariable('zone_words')[upper(trim(zone, '()[]'))]
END;

-- A text that ends in a zone as body and zone; empty if it has none. The zone follows a time of day; AM and PM are none.
CREATE OR REPLACE TEMP MACRO split_zone(given) AS regexp_extract(
    given,
    '^(.*?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp](?:[Mm]\b|\.[Mm]\.?))?|\d{8}[Tt]\d{4}(?:\d{2}(?:[.,]\d+)?)?)\s*((?i:[b-oq-z(\[+−-]|[ap](?:[^m.]|m[a-z])).*)$',
    ['body', 'zone']
);

-- The same where a pattern states how the body is written, so that the zone may follow any digit.
CREATE OR REPLACE TEMP MACRO split_zone_at_end(given) AS regexp_extract(
    given, '^(.*(?:\d|[AaPp]\.?[Mm]\.?))\s*([A-Za-z]{0,5}[+−-]\d{1,2}(?::?\d{2}){0,2}|(?i:[b-oq-z(\[]|[ap](?:[^\dm.]|m[a-z]))[^\d]*)$', ['body', 'zone']
);

-- Parts of a date and a time of day in digits; empty if the text has another shape.
CREATE OR REPLACE TEMP MACRO time_parts(given) AS regexp_extract(
    given,
    '^(\d{1,4})([-/.])(\d{1,2})([-/.])(\d{1,4})(?:[Tt,\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:\s*([AaPp])\.?[Mm]\.?)?)?$',
    ['a', 'mark', 'b', 'second_mark', 'c', 'hour', 'minute', 'second', 'fraction', 'half']
);

-- The hour of 24 of time_parts; null if there is no such hour.
CREATE OR REPLACE TEMP MACRO hour_of(parts) AS CASE
    WHEN parts.hour = '' THEN 0
    WHEN parts.half = '' AND TRY_CAST(parts.hour AS INTEGER) < 24 THEN TRY_CAST(parts.hour AS INTEGER)
    WHEN parts.half <> '' AND TRY_CAST(parts.hour AS INTEGER) BETWEEN 1 AND 12
        THEN TRY_CAST(parts.hour AS INTEGER) % 12 + CASE WHEN upper(parts.half) = 'P' THEN 12 ELSE 0 END
END;

-- Whether time_parts begin with day and month, in one order or the other.
CREATE OR REPLACE TEMP MACRO begins_with_day_or_month(parts) AS
    strlen(parts.a) IN (1, 2) AND strlen(parts.c) = 4 AND parts.mark = parts.second_mark;

-- The date of time_parts in ISO 8601; null if it has another shape, or day and month an order that is unknown.
CREATE OR REPLACE TEMP MACRO date_of(parts, date_order) AS CASE
    WHEN parts.mark <> parts.second_mark THEN NULL
    WHEN strlen(parts.a) = 4 AND strlen(parts.c) <= 2 THEN concat_ws('-', parts.a, parts.b, parts.c)
    WHEN strlen(parts.a) > 2 OR strlen(parts.c) <> 4 THEN NULL
    WHEN date_order = 'mdy' THEN concat_ws('-', parts.c, parts.a, parts.b)
    WHEN date_order = 'dmy' THEN concat_ws('-', parts.c, parts.b, parts.a)
END;

-- Local time of a text without a zone in a shape that needs no pattern; null for any other. `date_order` is mdy, dmy or
-- null where it is unknown.
CREATE OR REPLACE TEMP MACRO shaped_time(given, parts, date_order) AS CASE
    WHEN parts.a <> ''
        THEN TRY_CAST(date_of(parts, date_order) || ' ' || hour_of(parts) || ':' || if(parts.minute = '', '00', parts.minute)
            || ':' || if(parts.second = '', '00', parts.second) || '.' || if(parts.fraction = '', '0', parts.fraction) AS TIMESTAMP)
    WHEN regexp_full_match(given, '\d{4}[-/]\d{1,2}') THEN TRY_CAST(replace(given, '/', '-') || '-01' AS TIMESTAMP)
    WHEN regexp_full_match(given, '\d{8}[Tt](?:[01]\d|2[0-3])\d{2}(?:\d{2}(?:[.,]\d{1,9})?)?')
        THEN TRY_CAST(replace(regexp_replace(
            if(strlen(given) = 13, given || '00', given), '^(\d{4})(\d\d)(\d\d).(\d\d)(\d\d)(\d\d)', '\1-\2-\3 \4:\5:\6'
        ), ',', '.') AS TIMESTAMP)
END;

-- Whether a text has as many digits as the seconds, milliseconds or microseconds of an epoch since 2001.
CREATE OR REPLACE TEMP MACRO is_epoch(given) AS regexp_full_match(given, '\s*[1-9](?:\d{9}|\d{12}|\d{15})(?:\.0*)?\s*');

-- The time of an epoch in digits: ten are seconds, thirteen milliseconds, sixteen microseconds.
CREATE OR REPLACE TEMP MACRO epoch_time(digits) AS make_timestamp(round(TRY_CAST(digits AS DOUBLE) * CASE
    WHEN TRY_CAST(digits AS DOUBLE) < 1e10 THEN 1000000
    WHEN TRY_CAST(digits AS DOUBLE) < 1e13 THEN 1000
    ELSE 1
END)::BIGINT);

-- Why a time that could be read is refused; null for any other. Nothing is compared where the file has no such time.
CREATE OR REPLACE TEMP MACRO rule_of_time(fault, moment, local_time, absolute_time) AS CASE WHEN fault IS NULL THEN CASE
    WHEN coalesce(local_time < TIMESTAMP '1901-01-01', absolute_time < TIMESTAMPTZ '1901-01-01 00:00:00+00') THEN 'early'
    WHEN moment > getvariable('horizon') OR year(local_time) > year(getvariable('horizon')::TIMESTAMPTZ) THEN 'future'
    WHEN moment IS NULL THEN 'naive'
END END;

-- Precision of a text in a shape that needs no pattern: 0 instant, 1 day, 2 month.
CREATE OR REPLACE TEMP MACRO shaped_rank(given, parts) AS CASE
    WHEN parts.a <> '' AND parts.hour = '' THEN 1
    WHEN strlen(given) <= 7 THEN 2
    ELSE 0
END;

CREATE OR REPLACE TEMP MACRO shown_values(pointers, given) AS list_transform(
    pointers,
    lambda pointer: left(regexp_replace(coalesce(json_extract_string(given, pointer), ''), '[\s\pC]+', ' ', 'g'), 60)
);

-- The values of a row (JSON) that a refusal shows, in one line; null where it shows none. Those of one time are one text.
CREATE OR REPLACE TEMP MACRO values_at(pointers, given, is_time) AS CASE
    WHEN is_time THEN array_to_string(shown_values(pointers, given), ' ')
    ELSE array_to_string(shown_values(pointers, given), ' and ')
END;

-- Words of offences as they are compared; as numbers where the mapping says so.
CREATE OR REPLACE TEMP MACRO offence_fold(given) AS
    if(list_contains(getvariable('numeric'), 'offence'), whole_number(folded(given)), folded(given));
CREATE OR REPLACE TEMP MACRO detail_fold(given) AS
    if(list_contains(getvariable('numeric'), 'offence_detail'), whole_number(folded(given)), folded(given));
