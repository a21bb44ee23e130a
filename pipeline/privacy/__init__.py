"""What keeps people safe in files and texts: keys, pseudonyms, PII guard and scan, access log, signed exports.

May import the shared modules of pipeline.
"""
