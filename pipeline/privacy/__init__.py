"""Protection of people in files and text: keys, pseudonyms, PII guard and scan, access log, signed exports.

May import the shared modules of pipeline.
"""
