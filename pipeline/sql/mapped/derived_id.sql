-- Ids for rows without one: a hash of the row's content and its ordinal among the rows of its file with the same
-- content, so that the same file always gives the same ids. Reads `unidentified` (row_number, file, content).
CREATE OR REPLACE TEMP TABLE derived_id AS
SELECT
    row_number,
    concat('row-', md5(content), '-', row_number() OVER (PARTITION BY file, content ORDER BY row_number)) AS incident_id
FROM unidentified
