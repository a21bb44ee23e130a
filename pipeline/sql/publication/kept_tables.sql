-- Tables of the file attached as `kept`.
SELECT table_name
FROM duckdb_tables()
WHERE database_name = 'kept'
ORDER BY table_name
