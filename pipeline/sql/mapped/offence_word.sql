-- Match of each pair of offence and detail in the file: the row of the offence table (`offence_table`) with the same
-- detail, or else with the longest matching prefix (`WORDS*`), or else with a blank detail, which matches any. Words are
-- compared folded. A row with a mark in `check` gives no code: its words wait until a person has looked.
CREATE OR REPLACE TEMP TABLE offence_word AS
WITH pair AS (
    SELECT
        offence,
        offence_detail,
        CASE WHEN NOT is_blank(offence) THEN offence_fold(offence) END AS word,
        CASE WHEN NOT is_blank(offence_detail) THEN detail_fold(offence_detail) END AS detail_word
    FROM (SELECT DISTINCT offence, offence_detail FROM extract)
),
entry AS (
    SELECT
        offence_fold(offence) AS word,
        coalesce(detail_fold(offence_detail), '') AS detail_word,
        offence_code,
        nullif(discovery, '') AS discovery,
        "check" <> '' AS is_unchecked
    FROM offence_table
),
matched AS (
    SELECT
        pair.*,
        entry.offence_code,
        entry.discovery,
        entry.is_unchecked,
        entry.detail_word NOT LIKE '%*' AND entry.detail_word <> '' AS is_same,
        strlen(entry.detail_word) AS closeness
    FROM pair
    LEFT JOIN entry
        ON pair.word = entry.word
        AND CASE
            WHEN entry.detail_word = '' THEN true
            WHEN entry.detail_word LIKE '%*' THEN starts_with(pair.detail_word, rtrim(entry.detail_word, '*'))
            ELSE pair.detail_word = entry.detail_word
        END
)
SELECT
    offence,
    offence_detail,
    CASE WHEN NOT is_unchecked THEN offence_code END AS offence_code,
    discovery,
    CASE
        WHEN word IS NULL THEN 'no_offence'
        WHEN is_unchecked THEN 'unchecked_offence'
        WHEN offence_code IS NULL THEN 'unknown_offence'
    END AS fault
FROM matched
QUALIFY row_number() OVER (
    PARTITION BY offence, offence_detail ORDER BY is_same DESC NULLS LAST, closeness DESC NULLS LAST, offence_code
) = 1
