-- The hashes in `rows_of_this_run`, in place of those of the same run and table.
DELETE FROM fresh.content_hash
WHERE (run_id, table_name) IN (SELECT (run_id, table_name) FROM rows_of_this_run);

INSERT INTO fresh.content_hash BY NAME
SELECT run_id, table_name, row_count, sha256
FROM rows_of_this_run
ORDER BY run_id, table_name;
