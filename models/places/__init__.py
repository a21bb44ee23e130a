"""Scores of places: area ranking and its counterfactuals, markets, displacement, feedback, crime focus.

May import statistics, models.arrays and models.checks.
"""
