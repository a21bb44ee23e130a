"""The store in PostgreSQL, which many consumers write at once; and how a store is opened, wherever it is kept.

May import the store, events, messages, privacy, loading and the shared modules of pipeline.
"""
