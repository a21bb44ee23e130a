-- Events that the batch tells more than once, by a narrow hash: it may suspect one too many, never one too few. Nearly
-- always there is none, and neither repeats nor contradictions have anything to look at.
CREATE OR REPLACE TEMP TABLE shared_event AS
SELECT hash(event_source, event_id) AS suspect
FROM arrival
GROUP BY suspect
HAVING count(*) > 1
