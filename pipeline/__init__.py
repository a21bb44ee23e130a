"""The edges: events in, identity, the DuckDB store, publications and pages out. Knows no Prefect.

Rooms by subject; directly in the package stands what all rooms share: errors, clock, local time, DuckDB.
"""
