-- Keyed hashes of the raw ids of erased people (pipeline/privacy/erased_ids.py).

-- name: add
INSERT INTO store.erased_id BY NAME
SELECT short_id($spelling) AS keyed_hash, $run_count AS run_count, $size AS size, $longest AS longest
ON CONFLICT DO NOTHING

-- name: is_there
-- An excerpt of the store has no such table.
SELECT 1
FROM duckdb_tables()
WHERE database_name = 'store' AND table_name = 'erased_id'

-- name: longest
SELECT max(longest) FROM store.erased_id

-- name: shapes
SELECT DISTINCT run_count, size
FROM store.erased_id
ORDER BY run_count, size

-- name: among
SELECT spelling
FROM spelled
WHERE short_id(spelling) IN (SELECT keyed_hash FROM store.erased_id)
ORDER BY spelling
