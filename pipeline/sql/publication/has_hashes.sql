-- A row if the file attached as `fresh` has hashes: a harmspot of before has written none.
SELECT 1
FROM duckdb_tables()
WHERE database_name = 'fresh' AND table_name = 'content_hash'
