"""A new city: looks at a file of incidents and writes the configuration, mapping and offence table that read it.

May import home and ingest.
"""
