-- DuckDB makes these where it reads CSV; nothing is refused where it reads Parquet.
CREATE TEMP TABLE IF NOT EXISTS reject_scans (scan_id UBIGINT, file_id UBIGINT, file_path VARCHAR);
CREATE TEMP TABLE IF NOT EXISTS reject_errors (scan_id UBIGINT, file_id UBIGINT, line UBIGINT, csv_line VARCHAR);
