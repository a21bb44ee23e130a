"""The log of what people decided, read: lists, notices, audits, projections, protection checks, integrity.

May import home. What writes to the log is in decisions.
"""
