"""The store: every version of every entity, offsets, human events, migrations, and snapshots for two clocks.

May import every room of pipeline but pages and publication.
"""
