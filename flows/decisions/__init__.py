"""Human decisions, recorded in the log: lists, notices, audits, erasures, place actions, messages to partners.

May import home, human_log, ingest and run.
"""
