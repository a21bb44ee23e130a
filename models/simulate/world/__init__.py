"""The simulated town: its streets, sites, people, days and vocabulary.

This package imports no other subpackage.
"""
