"""Where events come from: Kafka, event files, and files of others through a mapping.

May import events, messages and the shared modules of pipeline.
"""
