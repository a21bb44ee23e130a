"""Pages about what policing brought and what it cost: effects of operations.

May import pipeline.pages and what that room may.
"""
