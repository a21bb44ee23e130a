-- Ids for rows that have none: a hash of what the row says, and its ordinal among the rows of its file that say the
-- same, so that the same file gives the same ids again. Reads `unidentified` (row_number, file, content).
CREATE OR REPLACE TEMP TABLE derived_id AS
SELECT
    row_number,
    concat('row-', md5(content), '-', row_number() OVER (PARTITION BY file, content ORDER BY row_number)) AS incident_id
FROM unidentified
