-- Number of new rows that contradict another: same version of an entity or same event, with different content.
-- Within a batch a row is compared with the first row of its version or event. Reads shared_event.
WITH shared_version AS (
    SELECT hash(entity_key, version) AS suspect
    FROM arrival
    GROUP BY suspect
    HAVING count(*) > 1
),
other_content_of_version AS (
    SELECT
        staged_row,
        content_hash <> first_value(content_hash) OVER (
            PARTITION BY entity_key, version ORDER BY arrival.staged_row
        ) AS is_other
    FROM arrival
    SEMI JOIN shared_version ON hash(entity_key, version) = suspect
),
other_content_of_event AS (
    SELECT
        staged_row,
        content_hash <> first_value(content_hash) OVER (
            PARTITION BY event_source, event_id ORDER BY arrival.staged_row
        ) AS is_other
    FROM arrival
    SEMI JOIN shared_event ON hash(event_source, event_id) = suspect
),
contradiction AS (
    SELECT staged_row FROM other_content_of_version WHERE is_other
    UNION
    SELECT staged_row FROM other_content_of_event WHERE is_other
    UNION
    SELECT arrival.staged_row
    FROM arrival
    SEMI JOIN held
        ON arrival.entity_key = held.entity_key
        AND arrival.version = held.version
        AND arrival.content_hash <> held.content_hash
    UNION
    SELECT arrival.staged_row
    FROM arrival
    SEMI JOIN held
        ON arrival.event_id = held.event_id
        AND arrival.event_source = held.event_source
        AND arrival.content_hash <> held.content_hash
)
SELECT count(*) FROM contradiction
