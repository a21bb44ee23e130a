"""Behaviour of people in a simulated town: offending, markets, patrol, custody, warrants, staffing, actions.

This package may import world and output.
"""
