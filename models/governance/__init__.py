"""Who decides what, in which order: life cycles of lists and notices, notice drafts, effects, audits.

Imports no other room.
"""
