"""Simulated towns on disk and the rehearsal of an operation in one.

May import every room of flows but command.
"""
