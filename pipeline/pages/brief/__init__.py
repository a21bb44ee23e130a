"""The morning brief: what it says of a run, its map, and the same content as a page and as PDF.

May import the pages above it, briefing, privacy, publication, wording and the shared modules of pipeline.
"""
