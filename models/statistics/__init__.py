"""Statistics that several models share: empirical Bayes, rank draws, Pareto front, Gini, bootstrap, water filling.

May import models.arrays and models.checks.
"""
