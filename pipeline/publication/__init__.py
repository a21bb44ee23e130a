"""The two published DuckDB files: which tables they have, how a run replaces them, how they are read.

May import privacy and the shared modules of pipeline.
"""
