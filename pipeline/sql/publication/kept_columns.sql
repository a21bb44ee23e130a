-- Tables and columns of the file attached as `kept`, in their order.
SELECT table_name, column_name
FROM duckdb_columns()
WHERE database_name = 'kept' AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = 'kept')
ORDER BY table_name, column_index
