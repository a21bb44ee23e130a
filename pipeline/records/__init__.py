"""Rows of another system's files that are no incidents: people, warrants, stays, shifts, actions, roles in incidents.

May import mapped, files, events, privacy and the shared modules of pipeline.
"""
