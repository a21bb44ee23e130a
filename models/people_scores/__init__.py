"""Scores of people: status, evidence, exposure, offending rates, ranks, counterfactuals.

May import statistics, models.arrays and models.checks. The package people_lists turns scores into lists.
"""
