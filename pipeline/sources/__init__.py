"""Event sources: Kafka and event files.

May import events, messages and the shared modules of pipeline.
"""
