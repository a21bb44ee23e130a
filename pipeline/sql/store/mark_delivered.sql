UPDATE store.outbox
SET delivered_at = $at
WHERE delivered_at IS NULL AND message_id IN (SELECT unnest($message_ids))
