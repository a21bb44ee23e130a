"""The two published DuckDB files: their tables, replacement by a run, and reading.

May import privacy and the shared modules of pipeline.
"""
