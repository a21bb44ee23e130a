-- Stored rows with the same event or version as a possible duplicate (`suspect`, by its row of `arrival`); without
-- suspects the store is not read.
CREATE OR REPLACE TEMP TABLE held_suspect AS
WITH suspected AS (
    SELECT event_source, event_id, entity_key, version
    FROM arrival
    SEMI JOIN suspect USING (staged_row)
)
SELECT * FROM held SEMI JOIN suspected USING (event_source, event_id)
UNION
SELECT * FROM held SEMI JOIN suspected USING (entity_key, version);

CREATE OR REPLACE TEMP VIEW held AS FROM held_suspect;
