-- Lines of a CSV file that are not valid rows: too many or too few fields, a broken quote, not UTF-8.
SELECT
    parse_filename(reject_scans.file_path) AS topic,
    0::INTEGER AS source_partition,
    min(reject_errors.line - 2)::BIGINT AS source_offset,
    'unread_line' AS reason,
    'The line has too many or too few fields, a broken quote, or bytes that are no UTF-8.' AS detail,
    $mapping AS mapping,
    encode(reject_errors.csv_line) AS payload
FROM reject_errors
JOIN reject_scans USING (scan_id, file_id)
GROUP BY ALL
ORDER BY topic, source_offset, payload
