"""Reading of the human-decision log: lists, notices, audits, projections, protection checks, integrity.

May import home. The package decisions writes to the log.
"""
