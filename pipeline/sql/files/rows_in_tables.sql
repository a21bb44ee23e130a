-- How many rows the tables hold of the files: read, and refused as lines.
SELECT (SELECT count(*) FROM raw) + (SELECT count(*) FROM unread_line)
