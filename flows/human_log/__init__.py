"""Reading of the human-decision log: lists, notices, audits, projections, who is still listed, integrity.

May import home and run. The package decisions writes to the log.
"""
