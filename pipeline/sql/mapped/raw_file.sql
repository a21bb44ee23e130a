-- Files of `raw` and the first row of each: files are read one after the other.
CREATE OR REPLACE TEMP TABLE raw_file AS
SELECT harmspot_file AS file, parse_filename(harmspot_file) AS name, min(harmspot_number) AS first_row
FROM raw
GROUP BY harmspot_file
