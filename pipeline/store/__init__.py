"""The store: every version of every entity, offsets, human events, migrations, and bitemporal snapshots.

May import every package of pipeline except pages and publication.
"""
