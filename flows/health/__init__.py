"""The doctor: checks of an installation and of its stream.

May import home, run, human_log, ingest, decisions and brief.
"""
