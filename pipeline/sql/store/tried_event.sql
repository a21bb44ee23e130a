-- Dead letters that a replay of events tries again.
CREATE OR REPLACE TEMP TABLE tried AS
SELECT DISTINCT topic, md5_number(payload) AS payload_hash
FROM letters
