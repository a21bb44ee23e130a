-- Rows of the batch that are stored already or repeated within the batch (all but the first of each). Reads
-- shared_event.
WITH held_already AS (
    SELECT arrival.staged_row
    FROM arrival
    SEMI JOIN held
        ON arrival.content_hash = held.content_hash
        AND arrival.event_id = held.event_id
        AND arrival.event_source = held.event_source
        AND arrival.event_time IS NOT DISTINCT FROM held.event_time
),
repeated AS (
    SELECT
        arrival.staged_row,
        row_number() OVER (
            PARTITION BY event_source, event_id, event_time, content_hash
            ORDER BY arrival.staged_row
        ) AS occurrence
    FROM arrival
    SEMI JOIN shared_event ON hash(event_source, event_id) = suspect
)
DELETE FROM staged
WHERE rowid IN (
    SELECT staged_row FROM held_already
    UNION ALL
    SELECT staged_row FROM repeated WHERE occurrence > 1
)
