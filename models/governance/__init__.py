"""Rules of human decisions: life cycles of lists and notices, notice drafts, effects of lists, audits.

This package imports no other package of models.
"""
