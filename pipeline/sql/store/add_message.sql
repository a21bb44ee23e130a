-- Insert the messages of `message_arrived` that were never written before.
INSERT INTO store.outbox BY NAME
WITH written AS (
    SELECT coalesce(max(sequence), 0) AS last_sequence
    FROM store.outbox
),
first_of_each AS (
    SELECT *
    FROM message_arrived
    QUALIFY row_number() OVER (PARTITION BY message_id ORDER BY position) = 1
)
SELECT
    message_id, topic, key, payload,
    $created_at AS created_at,
    last_sequence + row_number() OVER (ORDER BY position) AS sequence,
    NULL::TIMESTAMPTZ AS delivered_at
FROM first_of_each
ANTI JOIN store.outbox AS held USING (message_id)
CROSS JOIN written
