"""Scores of people: status, evidence, exposure, offending rates, ranks, counterfactuals.

May import statistics. Lists are made of scores in people_lists.
"""
