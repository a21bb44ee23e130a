-- Events that occur more than once in the batch, by a narrow hash with false positives but no false negatives. Usually
-- there are none, and the queries for duplicates and conflicts have little to do.
CREATE OR REPLACE TEMP TABLE shared_event AS
SELECT hash(event_source, event_id) AS suspect
FROM arrival
GROUP BY suspect
HAVING count(*) > 1
