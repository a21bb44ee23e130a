"""The words that people read: one catalogue of messages for pages, notices and sheets, in each language.

May import the shared modules of `pipeline` alone.
"""
