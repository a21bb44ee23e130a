"""What people decide, written to the log: lists, notices, audits, erasures, actions, partners told.

May import home, human_log, ingest and run.
"""
