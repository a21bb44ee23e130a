-- Lines of the files that are no rows: file, line, detail, text (bytes). Reads `filling`.
CREATE OR REPLACE TEMP TABLE unread_line AS
SELECT file, line, detail, text
FROM filling
ORDER BY file, line
