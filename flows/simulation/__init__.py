"""Simulated towns on disk and the rehearsal of an operation in one.

May import home, run, ingest, decisions and schedule.
"""
