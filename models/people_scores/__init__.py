"""Scores of people: status, evidence, exposure, offending rates, ranks, counterfactuals.

May import statistics and models.checks. The package people_lists turns scores into lists.
"""
