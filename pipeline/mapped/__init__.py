"""Another system's files through a mapping: columns to values, values to incidents and other records.

May import files, events, privacy and the shared modules of pipeline.
"""
