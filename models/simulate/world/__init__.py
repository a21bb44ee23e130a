"""The simulated town: its streets, sites, people, days and vocabulary.

Imports no other room.
"""
