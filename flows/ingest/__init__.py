"""Ingestion of events into the store: files and topics, replay, offsets, the stream and its live figures.

May import home, human_log and run.
"""
