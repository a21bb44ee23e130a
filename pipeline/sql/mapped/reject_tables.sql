-- DuckDB creates these tables when it reads CSV; Parquet has no refused lines.
CREATE TEMP TABLE IF NOT EXISTS reject_scans (scan_id UBIGINT, file_id UBIGINT, file_path VARCHAR);
CREATE TEMP TABLE IF NOT EXISTS reject_errors (scan_id UBIGINT, file_id UBIGINT, line UBIGINT, csv_line VARCHAR);
