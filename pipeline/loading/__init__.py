"""How the rows of a batch or a file get into the store: each once, or settled with what is there, or refused.

May import events, files, mapped, records, privacy and the shared modules of pipeline.
"""
