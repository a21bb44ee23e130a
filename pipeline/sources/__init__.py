"""Event sources: Kafka, event files, and third-party files through a mapping.

May import events, messages and the shared modules of pipeline.
"""
