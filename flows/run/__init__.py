"""The stages of a daily run: frames from a snapshot, scores, plans, quality, outcomes, draft notices.

May import home, inputs, measures.
"""
