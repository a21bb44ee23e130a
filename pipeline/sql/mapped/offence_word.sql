-- Match of each pair of offence and detail in the file: the row of the offence table (`offence_table`) with the same
-- detail, or else with the longest matching prefix (`WORDS*`), or else with a blank detail, which matches any.
CREATE OR REPLACE TEMP TABLE offence_word AS
WITH pair AS (
    SELECT DISTINCT offence, offence_detail
    FROM extract
),
matched AS (
    SELECT
        pair.offence,
        pair.offence_detail,
        offence_table.offence_code,
        nullif(offence_table.discovery, '') AS discovery,
        offence_table.offence_detail NOT LIKE '%*' AND offence_table.offence_detail <> '' AS is_same,
        strlen(offence_table.offence_detail) AS closeness
    FROM pair
    JOIN offence_table
        ON pair.offence = offence_table.offence
        AND CASE
            WHEN offence_table.offence_detail = '' THEN true
            WHEN offence_table.offence_detail LIKE '%*'
                THEN starts_with(pair.offence_detail, rtrim(offence_table.offence_detail, '*'))
            ELSE pair.offence_detail = offence_table.offence_detail
        END
)
SELECT offence, offence_detail, offence_code, discovery
FROM matched
QUALIFY row_number() OVER (PARTITION BY offence, offence_detail ORDER BY is_same DESC, closeness DESC) = 1
