UPDATE store.dead_letter
SET payload = ''::BLOB, detail = 'erased'
WHERE rowid IN (SELECT unnest($rows::BIGINT[]))
